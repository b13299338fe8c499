//! Several workers are one collector.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};

use beacon_common::{FRAME_LEN, Reason};
use beacon_tests::e2e::{Binary, Collector, Limit, Line, Lines, Process, Sender, Signal, run, skip};

use super::LOOPBACKS;

const HOUR_MS: u32 = 3_600_000;

/// Enough for each of a few workers to have many.
const SOURCES: usize = 300;

fn fleet(to: SocketAddr) -> Vec<Sender> {
    (0..SOURCES)
        .map(|number| Sender::new(to, &format!("s{number}")).every_ms(HOUR_MS))
        .collect()
}

fn count(told: &[Line], event: &str) -> usize {
    told.iter().filter(|line| line.event() == event).count()
}

/// The numbers of the lines are checked wherever a collector stops.
#[test]
fn sources_that_roam_are_each_told_of_in_order_and_the_collector_as_one() {
    for listen in LOOPBACKS {
        let mut collector = Collector::start(listen, &["--workers", "4", "--tick", "100ms"]);
        let mut fleet = fleet(collector.address());
        for sender in &mut fleet {
            sender.beat();
        }
        for sender in &mut fleet {
            sender.roam();
            sender.beat_acked();
            sender.bye(Reason::Stop, 0);
        }
        for sender in &fleet {
            let label = sender.frame.label.as_str();
            collector.tells(label, "up new");
            let moved = collector.tells(label, "moved");
            assert_eq!(moved.text("to"), sender.address().to_string());
            assert_eq!(collector.tells(label, "stopped stop").number("received"), 3);
        }
        let is_all = |tick: &Line| tick.number("received") == 3 * SOURCES as i64;
        let tick = collector.says_where("tick", is_all);
        assert_eq!(tick.number("sources.stopped"), SOURCES as i64, "{tick}");
        assert_eq!(tick.number("socket_drops"), 0, "{tick}");

        collector.signal(Signal::USR1);
        for sender in &fleet {
            let state = collector.shows(sender.frame.label.as_str());
            assert_eq!(state.text("state"), "stopped");
        }
        assert_eq!(collector.addresses().len(), 1, "{:?}", collector.addresses());
        let told = collector.stop();
        assert_eq!([count(&told, "start"), count(&told, "end")], [1, 1]);
        assert_eq!(count(&told, "state"), SOURCES);
        let ticks: Vec<_> = told.iter().filter(|line| line.event() == "tick").collect();
        assert!(ticks.windows(2).all(|two| two[1].micros_since(two[0]) > 50_000));
    }
}

#[test]
fn the_bound_on_sources_is_one_for_all_workers() {
    const MOST: i64 = 50;
    let arguments = ["--workers", "4", "--tick", "50ms", "--max-sources", "50"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let mut fleet = fleet(collector.address());
    fleet.iter_mut().for_each(Sender::beat);
    let is_all = |tick: &Line| tick.number("received") == SOURCES as i64;
    let tick = collector.says_where("tick", is_all);
    assert_eq!(tick.number("sources.up"), MOST, "{tick}");
    assert_eq!(tick.number("rejected.full"), SOURCES as i64 - MOST, "{tick}");
    let told = collector.end_of_all();
    assert_eq!(count(&told, "up"), MOST as usize);
}

/// What is broadcast comes to the sockets of all workers.
#[test]
fn a_broadcast_beat_is_heard_once() {
    let mut collector = Collector::start("0.0.0.0:0", &["--workers", "3", "--tick", "50ms"]);
    let to = SocketAddr::from(([127, 255, 255, 255], collector.address().port()));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_broadcast(true).unwrap();
    let mut frame = Sender::new(collector.address(), "s").every_ms(HOUR_MS).frame;
    let labels: Vec<String> = (0..60).map(|number| format!("s{number}")).collect();
    for label in &labels {
        frame.label = beacon_common::Label::new(label).unwrap();
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        socket.send_to(&bytes, to).unwrap();
    }
    labels.iter().for_each(|label| {
        collector.tells(label, "up new");
    });
    let tick = collector.says_where("tick", |tick| tick.number("sources.up") == 60);
    assert_eq!(tick.number("received"), 60, "{tick}");
    collector.stop();
}

#[test]
fn a_second_collector_at_the_same_port_is_refused() {
    for (first, second) in [("1", "4"), ("4", "1"), ("4", "4")] {
        for listen in ["127.0.0.1:0", "[::]:0"] {
            let collector = Collector::start(listen, &["--workers", first]);
            let address = collector.address().to_string();
            let refused = run(Binary::Collector, ["--listen", &address, "--workers", second]);
            assert_eq!((refused.code, refused.stderr.len()), (Some(71), 1), "{refused:?}");
            assert!(refused.stderr[0].contains("port in use"), "{refused:?}");
            collector.stop();
        }
    }
}

#[test]
fn every_worker_tells_what_it_has_to_tell_before_the_end() {
    for _ in 0..5 {
        let mut collector = Collector::start("127.0.0.1:0", &["--workers", "4"]);
        let mut fleet = fleet(collector.address());
        fleet.iter_mut().for_each(Sender::beat);
        let last = fleet.last().map(|sender| sender.frame.label).unwrap();
        // The others may still be on their way through the workers.
        collector.next_of(last.as_str(), "its beginning");
        let told = collector.end_of_all();
        assert_eq!(told.last().map(Line::event), Some("end"));
        assert_eq!(count(&told, "up"), SOURCES);
    }
}

/// A reader that is slow again and again: what it is told last of each source is how it is.
#[test]
fn after_a_gap_the_states_are_true_whichever_worker_tells_them() {
    let arguments = ["--workers", "2", "--queue", "16", "--tick", "50ms"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let mut fleet = fleet(collector.address());
    let mut told_stopped = HashSet::new();
    for turn in 0..4 {
        collector.pause_reading();
        for (number, sender) in fleet.iter_mut().enumerate() {
            sender.roam();
            sender.beat_acked();
            if number % 4 == turn {
                sender.bye(Reason::Stop, 0);
                told_stopped.insert(number);
            } else {
                told_stopped.remove(&number);
            }
        }
        collector.resume_reading();
    }
    let is_at_rest = |tick: &Line| {
        tick.number("sources.stopped") == told_stopped.len() as i64
            && tick.number("received") == 4 * SOURCES as i64 + SOURCES as i64
    };
    let tick = collector.says_where("tick", is_at_rest);
    let told = collector.end_of_all();
    let gaps = told.iter().filter(|line| line.event() == "gap");
    let dropped: i64 = gaps.map(|line| line.number("dropped")).sum();
    assert!(dropped > 0 && dropped >= tick.number("events_dropped"), "{tick}");
    let mut last = HashMap::new();
    for line in &told {
        if let Some(source) = line.source() {
            if line.event() != "state" && line.event() != "moved" {
                let known = last.get(source).copied().unwrap_or("unknown");
                assert_eq!(line.text("was"), known, "{line}");
            }
            last.insert(source, line.text("state"));
        }
    }
    for number in 0..SOURCES {
        let is = last[format!("s{number}").as_str()];
        assert_eq!(is == "stopped", told_stopped.contains(&number), "s{number} {is}");
    }
}

/// In a network namespace whose kernel has no room for the program that divides the beats.
#[test]
fn where_the_kernel_refuses_there_is_one_worker_and_the_log_says_why() {
    let limit = "/proc/sys/net/core/optmem_max";
    let script = format!("ip link set lo up && test -e {limit} && echo 100 > {limit}");
    let inside = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rn", "sh", "-c", script]);
        command
    };
    let mut trial = inside(&script);
    if !trial
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        skip("no network namespace whose optmem_max is its own (Linux 6.8, unshare, ip of package iproute2)");
        return;
    }
    let mut command = inside(&format!("{script} && exec \"$0\" \"$@\""));
    command.arg(Binary::Collector.command().get_program());
    command.args(["--format", "json", "--listen", "127.0.0.1:7878", "--workers", "3"]);
    let mut process = Process::spawn("beacon-collector", command.stdout(Stdio::piped()));
    let mut stdout = Lines::follow(process.stdout().unwrap());
    let start = stdout.next(Limit::soon()).map(Line::parse).unwrap();
    assert_eq!(start.event(), "start");
    let line = process.wait_for_log("one worker instead of 3");
    assert!(line.contains("the kernel does not divide the beats: "), "{line}");
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0), "{:?}", process.whole_log());
}
