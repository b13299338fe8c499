//! stdout as a terminal: text in colour, and ^S, which stops it as a reader does that reads no more.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use beacon_tests::e2e::{Binary, Limit, Lines, Process, Sender, Signal};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// What a keyboard sends to stop the output and to let it go on: ^S and ^Q.
const STOP: u8 = 0x13;
const GO_ON: u8 = 0x11;
const STALL: Duration = Duration::from_secs(3);

/// A collector whose stdout is a terminal.
struct Terminal {
    collector: Process,
    address: SocketAddr,
    keyboard: File,
    screen: Lines,
}

impl Terminal {
    fn start() -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let stdout = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        // The port is chosen beforehand, on a part of the loopback that nobody else uses.
        let address = UdpSocket::bind("127.0.0.73:0").unwrap().local_addr().unwrap();
        let mut command = Binary::Collector.command();
        command
            .args(["--listen", &address.to_string(), "--tick", "0"])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdout(stdout);
        let collector = Process::spawn("beacon-collector", &mut command);
        let keyboard = File::from(keyboard);
        let screen = Lines::follow(keyboard.try_clone().unwrap());
        let mut terminal = Self {
            collector,
            address,
            keyboard,
            screen,
        };
        terminal.shows("START");
        terminal
    }

    /// Waits for the line with this word.
    fn shows(&mut self, word: &str) -> String {
        let limit = Limit::soon();
        while let Some(line) = self.screen.next(limit) {
            if line.contains(word) {
                return line.to_owned();
            }
        }
        let seen = self.screen.seen().join("\n  ");
        self.collector
            .fail(format_args!("does not show {word}, but:\n  {seen}\n"))
    }

    fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }
}

#[test]
fn a_terminal_gets_text_in_colour() {
    let mut terminal = Terminal::start();
    Sender::new(terminal.address, "a").beat_acked();
    let line = terminal.shows("UP ");
    assert!(line.contains("\x1b[32mUP       \x1b[0m  a "), "{line:?}");
    terminal.collector.signal(Signal::TERM);
    terminal.shows("END");
    assert_eq!(terminal.collector.wait().code(), Some(0));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "lines tell the time of the wall clock")]
fn a_terminal_that_is_stopped_delays_no_ack_and_no_deadline() {
    let mut terminal = Terminal::start();
    Sender::new(terminal.address, "quiet").every_ms(100).beat_acked();
    terminal.shows("quiet");
    terminal.press(STOP);

    let mut steady = Sender::new(terminal.address, "steady");
    let stall = Limit::after(STALL);
    while !stall.left().is_zero() {
        let round_trip = steady.beat_acked();
        assert!(
            round_trip < Duration::from_secs(1),
            "an ack took {round_trip:?} while the terminal was stopped"
        );
        Limit::after(Duration::from_millis(100)).pass();
    }
    // The key takes its way too: what was told right behind it may be there, but not what came a second later.
    let shown = terminal.screen.rest(Limit::after(Duration::ZERO));
    assert!(
        !shown.iter().any(|line| line.contains("DOWN")),
        "the terminal was not stopped: {shown:?}"
    );

    // Lines begin with the time of what they tell.
    let stopped_until = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    terminal.press(GO_ON);
    let line = terminal.shows("DOWN");
    assert!(line.contains("quiet"), "{line:?}");
    assert!(
        line < stopped_until.replace('T', " "),
        "{line:?} was told after {stopped_until}"
    );
}
