//! The log, to stderr, by a thread of its own: whoever logs never waits.
//!
//! stderr may share its reader with the event lines (`2>&1`), or be a terminal that somebody holds with Ctrl-S. A
//! worker that waited for it would hear nothing meanwhile and judge nothing, and anybody could have it log.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use log::LevelFilter;

use crate::clock;
use crate::output::escape::shown;

/// How many lines wait for a reader that is slow. What comes then is counted.
const LINES: usize = 1024;

/// How often the end looks for room.
const RETRY: Duration = Duration::from_millis(1);

/// How long the end waits for room, and then for lines that are not written yet.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// The log of this process. At its end what waits is written, unless nobody reads it.
#[derive(Debug)]
pub struct Logbook(Page);

/// The end at which lines come in.
#[derive(Clone, Debug)]
struct Page {
    entries: SyncSender<Entry>,
    left_out: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// All before it is written.
    Written(SyncSender<()>),
}

impl Logbook {
    /// Has everything logged to stderr as `beacon-collector: level: message`; the level by `RUST_LOG`, info unless it
    /// says otherwise.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn open() -> io::Result<Self> {
        let book = Self::writing_to(io::stderr())?;
        env_logger::Builder::new()
            .filter_level(LevelFilter::Info)
            .parse_env("RUST_LOG")
            .format(|out, record| {
                let level = record.level().as_str().to_ascii_lowercase();
                writeln!(
                    out,
                    "beacon-collector: {level}: {}",
                    shown(&record.args().to_string())
                )
            })
            .target(env_logger::Target::Pipe(Box::new(book.0.clone())))
            .init();
        Ok(book)
    }

    fn writing_to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (entries, lines) = sync_channel(LINES);
        let left_out = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&left_out);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&lines, &counted, sink))?;
        Ok(Self(Page { entries, left_out }))
    }

    /// Writes the last line, as it is: it waits for room, unless nobody reads.
    pub fn close(self, line: &str) {
        self.put_within(LAST_WAIT, Entry::Line(line.as_bytes().to_owned()));
    }

    /// Whether all is written within `limit`.
    fn is_written_within(&self, limit: Duration) -> bool {
        let (written, all) = sync_channel(1);
        self.put_within(limit, Entry::Written(written)) && all.recv_timeout(limit).is_ok()
    }

    /// Whether there is room for `entry` within `limit`. Then it is there.
    fn put_within(&self, limit: Duration, mut entry: Entry) -> bool {
        let give_up_at = clock::now() + limit;
        while let Err(TrySendError::Full(refused)) = self.0.entries.try_send(entry) {
            if clock::now() >= give_up_at {
                return false;
            }
            entry = refused;
            thread::park_timeout(RETRY);
        }
        true
    }
}

impl Drop for Logbook {
    fn drop(&mut self) {
        // Where it is not, nobody reads.
        let _ = self.is_written_within(LAST_WAIT);
    }
}

impl Page {
    fn put(&self, line: &[u8]) {
        if self.entries.try_send(Entry::Line(line.to_owned())).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A logger writes each line as a whole.
impl Write for Page {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where stderr is gone, there is nobody left to tell.
fn write(lines: &Receiver<Entry>, left_out: &AtomicU64, mut sink: impl Write) {
    for entry in lines {
        if let Entry::Line(line) = &entry {
            let _ = sink.write_all(line);
        }
        let count = left_out.swap(0, Ordering::Relaxed);
        if count > 0 {
            let line = format!(
                "beacon-collector: warn: stderr was not read: {count} lines of the log are left out\n"
            );
            let _ = sink.write_all(line.as_bytes());
        }
        if let Entry::Written(to) = entry {
            let _ = to.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes nothing until it is let go.
    #[derive(Clone, Default)]
    struct Held {
        gate: Arc<Mutex<()>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.gate.lock().unwrap();
            self.taken.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_logs_never_waits_and_what_is_left_out_is_told() {
        let sink = Held::default();
        let held = sink.gate.lock().unwrap();
        let book = Logbook::writing_to(sink.clone()).unwrap();
        let lines = LINES + 10;
        (0..lines).for_each(|line| book.0.put(format!("{line}\n").as_bytes()));
        assert!(!book.is_written_within(RETRY), "nobody reads");
        drop(held);
        // There is room for the question as soon as one line is written.
        assert!(book.is_written_within(Duration::from_secs(20)));
        let text = String::from_utf8(sink.taken.lock().unwrap().clone()).unwrap();
        let (told, written): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains("left out"));
        let in_order = (0..written.len()).map(|line| line.to_string());
        assert!(in_order.eq(written.iter().copied()), "{text}");
        let left_out = lines - written.len();
        assert!(left_out >= 9, "one was with the sink, and {LINES} waited: {text}");
        assert_eq!(
            told,
            [format!(
                "beacon-collector: warn: stderr was not read: {left_out} lines of the log are left out"
            )]
        );
    }

    #[test]
    fn the_end_does_not_wait_for_who_does_not_read() {
        let sink = Held::default();
        let _held = sink.gate.lock().unwrap();
        let book = Logbook::writing_to(sink.clone()).unwrap();
        book.close("one\n");
        assert!(sink.taken.lock().unwrap().is_empty());
    }
}
