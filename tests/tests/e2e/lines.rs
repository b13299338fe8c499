//! The lines themselves. That each is as the schema says is checked wherever a collector ends.

use std::process::Stdio;

use beacon_common::Reason;
use beacon_tests::e2e::{Binary, Collector, Limit, Lines, Process, Sender, Signal};

#[test]
fn a_signal_asks_for_one_line_a_source() {
    let mut collector = Collector::start("127.0.0.1:0", &["--name", "roof"]);
    let mut senders =
        ["a", "b", "c"].map(|label| Sender::new(collector.address(), label).every_ms(3_600_000));
    senders.iter_mut().for_each(|sender| {
        sender.beat_acked();
    });
    senders[1].bye(Reason::Stop, 0);
    senders[2].bye(Reason::Sleep, 0);
    for label in ["a", "b", "c"] {
        collector.tells(label, "up new");
    }
    collector.tells("b", "stopped stop");
    collector.tells("c", "asleep sleep");
    collector.signal(Signal::USR1);
    for (label, state) in [("a", "up"), ("b", "stopped"), ("c", "asleep")] {
        assert_eq!(collector.shows(label).text("state"), state);
    }
    let told = collector.stop();
    assert_eq!(told.iter().filter(|line| line.event() == "state").count(), 3);
    assert!(
        told.iter()
            .all(|line| line.number("v") == 1 && line.text("collector") == "roof")
    );
}

#[test]
fn ticks_and_reports_come_regularly() {
    let mut collector = Collector::start("[::1]:0", &["--tick", "100ms", "--report", "100ms"]);
    let mut sender = Sender::new(collector.address(), "a").every_ms(3_600_000);
    sender.beat_acked();
    sender.beat_acked();
    collector.tells("a", "up new");
    let tick = collector.says_where("tick", |tick| tick.number("received") == 2);
    assert_eq!((tick.number("sources.up"), tick.number("sources.down")), (1, 0));
    let next = collector.says("tick");
    assert!(
        (90_000..1_000_000).contains(&next.micros_since(&tick)),
        "{tick}\n{next}"
    );

    // Each beat is in one report alone, however the reports fall between the beats.
    let first = collector.reports("a", |report| report.number("received") > 0);
    let rest = 2 - first.number("received");
    if rest > 0 {
        assert_eq!(
            collector
                .reports("a", |report| report.number("received") > 0)
                .number("received"),
            rest
        );
    }
    let quiet = collector.reports("a", |report| report.number("received") == 0);
    let counts = ["received", "lost", "duplicate", "reordered", "old"].map(|key| quiet.number(key));
    assert_eq!(counts, [0; 5], "{quiet}");
    collector.stop();
}

#[test]
fn only_the_wanted_events_are_written_and_they_are_numbered_without_gaps() {
    let mut collector = Collector::start("127.0.0.1:0", &["--events", "start,stopped,end"]);
    let mut sender = Sender::new(collector.address(), "a").every_ms(3_600_000);
    sender.beat_acked();
    sender.bye(Reason::Upgrade, 0);
    collector.tells("a", "stopped upgrade");
    let told = collector.stop();
    assert_eq!(
        told.iter().map(|line| line.event()).collect::<Vec<_>>(),
        ["start", "stopped", "end"]
    );
}

#[test]
fn text_is_one_readable_line_an_event() {
    let mut command = Binary::Collector.command();
    command
        .args(["--format", "text", "--name", "roof", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped());
    let mut process = Process::spawn("beacon-collector", &mut command);
    let mut stdout = Lines::follow(process.stdout().unwrap());
    let mut next = || -> Vec<String> {
        let line = stdout.next(Limit::soon()).expect("a line comes");
        assert!(!line.contains('\x1b'), "no colour but on a terminal: {line}");
        line.split_whitespace().map(str::to_owned).collect()
    };
    let start = next();
    assert_eq!(start[2..4], ["START", "roof"]);
    let listen = start
        .iter()
        .position(|word| word == "on")
        .map(|at| &start[at + 1])
        .unwrap();

    let mut sender = Sender::new(listen.parse().unwrap(), "fridge-7").every_ms(250);
    sender.beat();
    let from = sender.address().to_string();
    let up = next();
    assert_eq!(up[2..8], ["UP", "fridge-7", "new", &from, "every", "250ms"]);
    assert_eq!(
        (up[0].len(), up[1].len()),
        ("2026-11-21".len(), "01:30:00.123Z".len())
    );
    sender.bye(Reason::Reboot, 0);
    assert_eq!(next()[2..6], ["STOPPED", "fridge-7", "reboot", &from]);
    process.signal(Signal::TERM);
    let end = next();
    assert_eq!(end[2..8], ["END", "roof", "sources:", "1", "stopped", "received"]);
    assert_eq!(process.wait().code(), Some(0));
}
