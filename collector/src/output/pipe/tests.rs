use super::*;
use crate::output::Format;
use crate::output::events::EventSet;
use crate::track::event::What;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;

/// What a test waits at most for something that has to come.
const BOUND: Duration = Duration::from_secs(20);

/// An output that does what it is told, one order a write; without orders it stands still.
struct Ordered {
    orders: Receiver<io::Result<usize>>,
    written: Sender<Vec<u8>>,
    fd: File,
}

impl Write for Ordered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.orders.recv().map_err(|_| ErrorKind::BrokenPipe)??;
        let taken = &bytes[..most.min(bytes.len())];
        self.written
            .send(taken.to_vec())
            .map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Ordered {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A pipe into an [`Ordered`] output, and everything that comes of it.
struct Bench {
    pipe: Pipe,
    orders: SyncSender<io::Result<usize>>,
    written: Receiver<Vec<u8>>,
    notices: Receiver<Notice>,
}

const ALL: usize = usize::MAX;

fn settings(queue: usize) -> Settings {
    let collector = "attic".to_owned();
    Settings {
        format: Format::Logfmt,
        colour: false,
        collector,
        events: EventSet::ALL,
        queue,
    }
}

fn open<W: Write + AsFd + Send + 'static>(out: W, queue: usize) -> (Pipe, Receiver<Notice>) {
    let (notice, notices) = channel();
    let pipe = Pipe::open(out, &settings(queue), move |told| {
        // The test may end before the writer does, and then hears no more.
        let _ = notice.send(told);
    });
    (pipe.expect("a thread for the test"), notices)
}

fn bench(queue: usize) -> Bench {
    let (orders, taken) = std::sync::mpsc::sync_channel(100);
    let (write, written) = channel();
    let fd = File::options().write(true).open("/dev/null").unwrap();
    let (pipe, notices) = open(
        Ordered {
            orders: taken,
            written: write,
            fd,
        },
        queue,
    );
    Bench {
        pipe,
        orders,
        written,
        notices,
    }
}

impl Bench {
    fn order(&self, orders: impl IntoIterator<Item = io::Result<usize>>) {
        orders
            .into_iter()
            .for_each(|order| self.orders.send(order).expect("the output takes orders"));
    }

    /// Everything written until the writer ended.
    fn all_written(self) -> (usize, String) {
        let Self {
            pipe,
            orders,
            written,
            ..
        } = self;
        let feeder = thread::spawn(move || while orders.send(Ok(ALL)).is_ok() {});
        let lost = pipe.finish(BOUND);
        let bytes = written.iter().flatten().collect();
        feeder.join().unwrap();
        (lost, String::from_utf8(bytes).unwrap())
    }

    fn notice(&self) -> Notice {
        self.notices.recv_timeout(BOUND).expect("a notice comes")
    }
}

fn entry() -> Entry {
    Entry {
        time_us: 0,
        what: What::Gap { dropped: 1 },
    }
}

fn push(pipe: &Pipe, lines: usize) {
    (0..lines).for_each(|_| assert_eq!(pipe.inlet.push(entry()), Ok(())));
}

/// Nothing but whole lines, with the numbers from 1 to `count`, each once and in order.
fn assert_lines(text: &str, count: usize) {
    assert!(text.ends_with('\n'));
    for (number, line) in (1..).zip(text.lines()) {
        let wanted =
            format!("v=1 id={number} time=1970-01-01T00:00:00.000000Z event=gap collector=attic dropped=1");
        assert_eq!(line, wanted);
    }
    assert_eq!(text.lines().count(), count);
}

#[test]
fn each_line_is_on_its_way_at_once() {
    let (mut reader, writer) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(BOUND)).unwrap();
    let (pipe, _notices) = open(writer, 16);
    let mut text = String::new();
    let mut lines = BufReader::new(&mut reader);
    for _ in 0..3 {
        push(&pipe, 1);
        lines.read_line(&mut text).unwrap();
    }
    assert_lines(&text, 3);
    assert_eq!(pipe.finish(BOUND), 0);
}

#[test]
fn a_write_that_is_cut_short_goes_on_where_it_ended() {
    let bench = bench(16);
    bench.order([
        Ok(1),
        Err(ErrorKind::Interrupted.into()),
        Ok(80),
        Err(ErrorKind::WouldBlock.into()),
        Ok(7),
    ]);
    push(&bench.pipe, 10);
    let (lost, text) = bench.all_written();
    assert_eq!(lost, 0);
    assert_lines(&text, 10);
}

#[test]
fn a_full_queue_takes_no_line_and_tells_when_it_does_again() {
    let bench = bench(16);
    push(&bench.pipe, 16);
    assert_eq!(bench.pipe.inlet.room(), 0);
    assert_eq!(
        [bench.pipe.inlet.push(entry()), bench.pipe.inlet.push(entry())],
        [Err(Full); 2]
    );
    bench.order([Ok(ALL), Ok(ALL)]);
    assert_eq!(bench.notice(), Notice::Room);
    assert!(bench.pipe.inlet.room() >= 8);
    push(&bench.pipe, 8);
    let (lost, text) = bench.all_written();
    assert_eq!(lost, 0);
    assert_lines(&text, 24);
}

#[test]
fn a_reader_that_goes_away_is_told_once_and_lines_are_no_longer_kept() {
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let (pipe, notices) = open(writer, 16);
    push(&pipe, 1);
    assert_eq!(notices.recv_timeout(BOUND), Ok(Notice::ReaderGone));
    push(&pipe, 100);
    pipe.finish(BOUND);
    assert_eq!(notices.iter().count(), 0);
}

#[test]
fn a_full_disk_is_told_once_and_no_line_is_lost_or_written_twice() {
    let bench = bench(16);
    let full = || Err(io::Error::from(ErrorKind::StorageFull));
    bench.order([Ok(100), full(), full(), Ok(0), Ok(ALL)]);
    push(&bench.pipe, 16);
    assert_eq!(bench.notice(), Notice::Failing);
    let working = (0..1_000).find_map(|_| {
        bench.pipe.thread.thread().unpark();
        bench.notices.recv_timeout(BOUND / 1_000).ok()
    });
    assert_eq!(working, Some(Notice::Working));
    let (lost, text) = bench.all_written();
    assert_eq!(lost, 0);
    assert_lines(&text, 16);
}

#[test]
fn a_reader_that_stands_still_does_not_hold_up_the_end() {
    let bench = bench(16);
    push(&bench.pipe, 3);
    assert_eq!(bench.pipe.finish(Duration::from_millis(10)), 3);
    // Let the writer end, which still stands in its write.
    drop(bench.orders);
    assert_eq!(bench.written.iter().count(), 0);
}

/// Through a real socket that says EAGAIN: nothing is read until the writing side stands still.
#[test]
fn every_line_comes_through_a_slow_non_blocking_output() {
    const LINES: usize = 10_000;
    let (mut reader, writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let (pipe, notices) = open(writer, 64);
    let (start, started) = channel();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        started.recv().expect("the test goes on");
        reader.read_to_string(&mut text).map(|_| text)
    });
    for _ in 0..LINES {
        while pipe.inlet.push(entry()) == Err(Full) {
            if notices.recv_timeout(Duration::from_millis(100)).is_err() {
                start.send(()).expect("the reader waits");
                assert_eq!(notices.recv_timeout(BOUND), Ok(Notice::Room));
            }
        }
    }
    assert_eq!(pipe.finish(BOUND), 0);
    assert_lines(&reading.join().unwrap().unwrap(), LINES);
}
