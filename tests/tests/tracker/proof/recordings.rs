//! All that a listener has recorded of a device is played back: to the living, to the dead and to a collector that has
//! forgotten.

use std::time::Duration;

use super::*;

/// Everything that a listener has recorded of a device: ten lives of ten thousand datagrams each, with some answers.
fn recordings(random: &mut Random) -> Vec<[u8; FRAME_LEN]> {
    let mut recorded = Vec::new();
    for life in 1..=10 {
        for seq in 1..=10_000 {
            let kind = match random.below(50) {
                0 => Kind::Reply,
                1 => Kind::Bye(Reason::Stop),
                _ => beat(seq).kind,
            };
            let frame = Frame {
                kind,
                sent_us: if kind == Kind::Reply {
                    random.number()
                } else {
                    u64::from(seq) * 1_000_000
                },
                flags: Flags {
                    want_ack: true,
                    skipped: false,
                },
                ..in_session(-100 * life, beat(seq))
            };
            recorded.push(bytes_of(&frame));
        }
    }
    recorded
}

fn shuffle<T>(random: &mut Random, items: &mut [T]) {
    for end in (1..items.len()).rev() {
        items.swap(end, random.below(end as u64 + 1) as usize);
    }
}

/// Plays everything back within `span` from all kinds of addresses, and returns how many probes that made. The device, if
/// it is there, answers those that are sent to it.
fn play(
    stage: &mut Stage,
    from_ms: u64,
    span: Duration,
    recorded: &[[u8; FRAME_LEN]],
    device: Option<&Frame>,
) -> usize {
    let step = span / recorded.len() as u32;
    let mut asked = 0;
    for (number, bytes) in recorded.iter().enumerate() {
        let now: Moment = at(from_ms) + step * number as u32;
        let from = if number % 3 == 0 {
            home()
        } else {
            peer("192.0.2.66:9")
        };
        stage.tracker.on_datagram(now, from, bytes);
        while let Some(sent) = stage.tracker.poll_transmit() {
            let probe = View::parse(&sent.frame).expect("a frame").frame();
            assert_eq!(probe.kind, Kind::Probe, "nothing that is recorded is acked");
            asked += 1;
            if let Some(newest) = device.filter(|_| sent.peer == home()) {
                let reply = Frame {
                    kind: Kind::Reply,
                    sent_us: probe.sent_us,
                    ..*newest
                };
                stage.tracker.on_datagram(now, home(), &bytes_of(&reply));
            }
        }
        assert_eq!(stage.tracker.poll_event(), None, "datagram {number}");
    }
    asked
}

#[test]
fn a_hundred_thousand_recorded_datagrams_change_no_state() {
    let seed = number_from_environment("BEACON_SEED", 0x00be_ac07);
    println!("BEACON_SEED={seed}");
    let mut random = Random::new(seed);
    let mut recorded = recordings(&mut random);
    shuffle(&mut random, &mut recorded);
    let span = Duration::from_millis(900);

    let mut stage = steady();
    let before = stage.state(10_050);
    let asked = play(&mut stage, 10_050, span, &recorded, Some(&beat(10)));
    assert!(
        (1..=16).contains(&asked),
        "no more than one label may be asked: {asked}"
    );
    assert_eq!(
        stage.state(10_950),
        Line {
            at: at(10_950),
            since: before.since + Duration::from_millis(900),
            silent: before.silent + Duration::from_millis(900),
            ..before
        }
    );
    assert_eq!(
        hear_and_answer(&mut stage, 11_000, &beat(11)),
        [],
        "it goes on as if nothing had been"
    );

    // The collector has lost its memory, and the device is dead.
    let mut stage = Stage::new(config());
    let asked = play(&mut stage, 0, span, &recorded, None);
    assert!((1..=16).contains(&asked), "{asked}");
    assert_eq!(stage.tracker.tick().sources, [0; 6]);
    // It is not dead after all.
    assert_eq!(gists(&hear_and_answer(&mut stage, 1_000, &beat(1)))[0].1, "up");
    assert_eq!(hear_and_answer(&mut stage, 2_000, &beat(2)), []);
    play(&mut stage, 2_050, span, &recorded, Some(&beat(2)));
    assert_eq!(hear_and_answer(&mut stage, 3_000, &beat(3)), []);
    assert_eq!(stage.state(3_050).state, "up");

    // It has restarted in 1970, and goes on below all that was recorded.
    let life = |seq| Frame {
        session: Session::new(12, 1),
        uptime_s: seq,
        ..beat(seq)
    };
    assert_eq!(
        gists(&hear_and_answer(&mut stage, 3_500, &life(1)))[0].1,
        "restarted"
    );
    assert_eq!(hear_and_answer(&mut stage, 4_500, &life(2)), []);
    play(&mut stage, 4_550, span, &recorded, Some(&life(2)));
    assert_eq!(hear_and_answer(&mut stage, 5_500, &life(3)), []);
    assert_eq!(stage.state(5_550).session, Some(Session::new(12, 1)));
}
