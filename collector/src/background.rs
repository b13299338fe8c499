//! Threads that can wait: they get a processor when nobody who receives or judges wants it.

/// Gives the calling thread, which does `what`, that much less than the others of a processor that is scarce (see `nice`).
pub fn step_back(what: &str, niceness: i32) {
    // On Linux this is about the calling thread alone.
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        log::debug!("the thread that {what} keeps its priority: {error}");
    }
}
