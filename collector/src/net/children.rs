//! Children of this process: they stay until they are waited for.

use std::io;

/// Takes back that SIGCHLD is ignored, where whoever has started this process did: so would this process, and the
/// system would reap its children by itself, whose numbers could then be another's (waitpid(2)).
///
/// # Errors
/// The system's.
pub fn keep_children() -> io::Result<()> {
    // SAFETY: no code runs by the default of a signal, and no handler of ours is replaced: SIGCHLD has none.
    match unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
