//! The first frame in hex and decoded, for looking at it without sending it.

use beacon_common::wire::FRAME_LEN;
use beacon_common::{Flags, Frame, Kind, Reason};

use crate::beat::Beats;
use crate::config::{Config, Purpose};
use crate::health::Monitor;
use crate::schedule::Schedule;
use crate::{clock, random};

/// What the agent would send first, were it started now: the hex on the first line, then a field a line.
#[must_use]
pub fn describe(config: &Config) -> String {
    let frame = first_frame(config);
    let mut bytes = [0; FRAME_LEN];
    frame.emit(config.key.as_ref(), &mut bytes);
    render(&frame, &bytes)
}

fn first_frame(config: &Config) -> Frame {
    let now = clock::now();
    // No check is run for it, so that with checks the health is as unknown as in a first beat.
    let health = Monitor::new(config.health.clone(), now).health();
    let beats = Beats::begin(config.identity, random::session(), now);
    match config.purpose {
        Purpose::Beat { .. } => {
            let mut schedule = Schedule::new(now, config.identity.interval_ms, random::bits());
            schedule.take(now);
            beats.beat(now, schedule.due(), false, health)
        }
        Purpose::Once => beats.beat(now, now + config.identity.interval(), false, health),
        Purpose::Sleep { sleep_ms } => beats.bye(now, Reason::Sleep, sleep_ms),
    }
}

fn render(frame: &Frame, bytes: &[u8; FRAME_LEN]) -> String {
    let mut text = hex(bytes) + "\n";
    for (name, value) in [
        ("magic", hex(&bytes[..2])),
        ("version", bytes[2].to_string()),
        ("kind", kind(frame.kind).to_owned()),
        ("code", code(frame.kind)),
        ("flags", flags(frame.flags).to_owned()),
        ("key_id", bytes[6].to_string()),
        ("misses", frame.misses.to_string()),
        ("label", frame.label.to_string()),
        ("session", frame.session.to_string()),
        ("sent_us", frame.sent_us.to_string()),
        ("seq", frame.seq.to_string()),
        ("interval_ms", frame.interval_ms.to_string()),
        ("next_ms", frame.next_ms.to_string()),
        ("uptime_s", frame.uptime_s.to_string()),
        ("tag", hex(&bytes[56..])),
    ] {
        text += &format!("{name:<11} {value}\n");
    }
    text
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Beat(_) => "1 beat",
        Kind::Bye(_) => "2 bye",
        Kind::Ack => "3 ack",
        Kind::Probe => "4 probe",
        Kind::Reply => "5 reply",
    }
}

fn code(kind: Kind) -> String {
    match kind {
        Kind::Beat(health) => format!("{} {}", health.code(), health.name()),
        Kind::Bye(reason) => format!("{} {}", reason.code(), reason.name()),
        Kind::Ack | Kind::Probe | Kind::Reply => "0".to_owned(),
    }
}

const fn flags(flags: Flags) -> &'static str {
    match (flags.want_ack, flags.skipped) {
        (false, false) => "0",
        (true, false) => "1 want_ack",
        (false, true) => "2 skipped",
        (true, true) => "3 want_ack skipped",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use beacon_common::{Health, KeyId, Label, MasterKey, Seq, Session};

    #[test]
    fn the_golden_keyed_frame_is_described() {
        let label = Label::new("fridge-7").unwrap();
        let master = MasterKey::new(KeyId::new(7).unwrap(), std::array::from_fn(|at| at as u8));
        let frame = Frame {
            kind: Kind::Beat(Health::Warning),
            flags: Flags {
                want_ack: true,
                skipped: false,
            },
            misses: 3,
            label,
            session: Session::new(0x691f_3c2e, 0x5b0a_9d11),
            sent_us: 0x4_48b9_b87b,
            seq: Seq::new(0x731),
            interval_ms: 10_000,
            next_ms: 9_998,
            uptime_s: 86_461,
        };
        let mut bytes = [0; FRAME_LEN];
        frame.emit(Some(&master.device_key(&label)), &mut bytes);
        let expected = "\
beac0101010107036672696467652d370000000000000000691f3c2e5b0a9d110000000448b9b87b00000731000027100000270e000151bd021cfb62c37322a9
magic       beac
version     1
kind        1 beat
code        1 warning
flags       1 want_ack
key_id      7
misses      3
label       fridge-7
session     691f3c2e5b0a9d11
sent_us     18400000123
seq         1841
interval_ms 10000
next_ms     9998
uptime_s    86461
tag         021cfb62c37322a9
";
        assert_eq!(render(&frame, &bytes), expected);
    }
}
