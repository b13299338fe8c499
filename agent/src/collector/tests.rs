use super::*;
use crate::socket::Egress;
use std::time::Duration;

fn collector(text: &str, bind: Option<&str>) -> Collector {
    let bind = bind.map(|text| text.parse().unwrap());
    Collector::new(text.parse().unwrap(), bind, 1, Moment::ORIGIN)
}

fn answer(addresses: &[&str]) -> Resolved {
    Resolved {
        collector: 0,
        addresses: Ok(addresses.iter().map(|text| text.parse().unwrap()).collect()),
    }
}

fn lose(collector: &mut Collector) {
    collector.ask(Seq::FIRST, 0);
    collector.judge();
}

#[test]
fn silence_goes_round_the_addresses_of_a_name() {
    let mut collector = collector("a", None);
    lose(&mut collector);
    assert_eq!(collector.address(), None);
    collector.resolved(answer(&["192.0.2.1:9", "[2001:db8::1]:9"]), Moment::ORIGIN);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(collector.to_string());
        lose(&mut collector);
    }
    assert_eq!(
        seen,
        ["a (192.0.2.1:9)", "a ([2001:db8::1]:9)", "a (192.0.2.1:9)"]
    );
}

#[test]
fn it_stays_at_the_address_that_it_is_found_at() {
    let mut collector = collector("a", None);
    collector.resolved(answer(&["192.0.2.1:9", "192.0.2.2:9"]), Moment::ORIGIN);
    lose(&mut collector);
    assert_eq!(collector.tell_lost(), Some(1));
    assert_eq!(collector.tell_lost(), None);
    assert_eq!(collector.address(), "192.0.2.2:9".parse().ok());
    let from = "192.0.2.1:9".parse().unwrap();
    let found = Answer::Found { unanswered: 1 };
    assert_eq!(collector.answer(Seq::FIRST, 0, 9, from), Some(found));
    assert_eq!(collector.address(), Some(from));
}

#[test]
fn groups_answer_from_elsewhere() {
    let is_group = |text| collector(text, None).is_group();
    assert!(is_group("239.1.2.3") && is_group("255.255.255.255") && is_group("[ff02::7]:9"));
    assert!(!is_group("192.0.2.1") && !is_group("::1") && !is_group("a"));
}

#[test]
fn an_address_that_the_name_still_has_stays_in_use() {
    let mut collector = collector("a", None);
    collector.resolved(answer(&["192.0.2.1:9"]), Moment::ORIGIN);
    collector.resolved(answer(&["192.0.2.2:9", "192.0.2.1:9"]), Moment::ORIGIN);
    assert_eq!(collector.address(), "192.0.2.1:9".parse().ok());
    let no_answer = Resolved {
        collector: 0,
        addresses: Err(io::Error::other("no such name")),
    };
    collector.resolved(no_answer, Moment::ORIGIN);
    assert_eq!(collector.address(), "192.0.2.1:9".parse().ok());
    assert!(collector.troubles().eq([(Trouble::Name, 1)]));
    collector.resolved(answer(&["192.0.2.3:9"]), Moment::ORIGIN);
    assert_eq!(collector.address(), "192.0.2.3:9".parse().ok());
}

#[test]
fn only_addresses_of_the_family_that_is_sent_from_are_used() {
    let mut collector = collector("a", Some("[::1]:0"));
    collector.resolved(answer(&["192.0.2.1:9", "[::1]:9"]), Moment::ORIGIN);
    assert_eq!(collector.address(), "[::1]:9".parse().ok());
    collector.resolved(answer(&["192.0.2.1:9"]), Moment::ORIGIN);
    assert_eq!(collector.troubles().next(), Some((Trouble::Name, 1)));
}

#[test]
fn an_address_is_never_resolved_and_a_lost_name_again() {
    assert_eq!(collector("192.0.2.1", None).resolve_due(), Moment::NEVER);
    let mut named = collector("a", None);
    assert_eq!(named.resolve_due(), Moment::ORIGIN);
    named.resolved(answer(&["192.0.2.1:9"]), Moment::ORIGIN);
    let calm = named.resolve_due();
    lose(&mut named);
    assert!(named.resolve_due() < calm);
    assert!(named.resolve_due() >= Moment::ORIGIN + Duration::from_secs(1));
}

#[test]
fn new_addresses_of_a_lost_collector_are_tried_once_each() {
    let mut collector = collector("a", None);
    assert_eq!(collector.standing(), Standing::Unusable, "no address");
    collector.resolved(answer(&["192.0.2.1:9"]), Moment::ORIGIN);
    assert_eq!(collector.standing(), Standing::Untried);
    lose(&mut collector);
    assert_eq!(collector.standing(), Standing::Unusable, "lost");
    collector.resolved(answer(&["192.0.2.1:9"]), Moment::ORIGIN);
    assert_eq!(collector.standing(), Standing::Unusable, "nothing new");
    collector.resolved(answer(&["192.0.2.2:9", "192.0.2.3:9"]), Moment::ORIGIN);
    for _ in 0..2 {
        assert_eq!(collector.standing(), Standing::Moved);
        lose(&mut collector);
    }
    assert_eq!(collector.standing(), Standing::Unusable);
}

/// With failover most beats ask nothing of it.
#[test]
fn the_name_of_a_lost_collector_is_asked_for_where_no_ack_is() {
    let at = |seconds| Moment::ORIGIN + Duration::from_secs(seconds);
    let mut collector = collector("a", None);
    assert_eq!(collector.question(at(0)), Some(("a", 7_878)));
    assert_eq!(collector.question(at(0)), None, "an answer is awaited");
    collector.resolved(answer(&["192.0.2.1:9"]), at(0));
    collector.judge();
    assert_eq!(collector.resolve_due(), at(300), "not lost");
    lose(&mut collector);
    assert_eq!(collector.resolve_due(), at(10));
    assert!(collector.question(at(10)).is_some());
    collector.resolved(answer(&["192.0.2.1:9"]), at(10));
    collector.judge();
    assert_eq!(collector.resolve_due(), at(40));
}

/// From 127.0.0.1 there is no way to a documentation address (RFC 5737), on whatever network this runs.
fn with_one_dead_address() -> (Collector, Sockets) {
    let mut collector = collector("a", Some("127.0.0.1:0"));
    collector.link = Link::new(3);
    collector.resolved(answer(&["192.0.2.1:9", "127.0.0.1:9"]), Moment::ORIGIN);
    let egress = Egress {
        bind: "127.0.0.1:0".parse().ok(),
        ..Egress::default()
    };
    (collector, Sockets::new(egress))
}

#[test]
fn what_the_network_does_not_take_goes_to_the_next_address_with_the_next_beat() {
    let (mut collector, mut sockets) = with_one_dead_address();
    let mut beat = |is_ask: bool| {
        collector.judge();
        let is_sent = collector.send(b"beat", &mut sockets, Moment::ORIGIN);
        if is_ask {
            collector.ask(Seq::FIRST, 0);
        }
        is_sent
    };
    let without_acks: Vec<_> = (0..4).map(|_| beat(false)).collect();
    assert_eq!(without_acks, [false, true, true, true]);
}

#[test]
fn a_repeat_turns_by_one_address_where_silence_and_the_network_both_say_so() {
    let (mut collector, mut sockets) = with_one_dead_address();
    assert!(!collector.send(b"bye", &mut sockets, Moment::ORIGIN));
    collector.turn_to_next_address();
    assert!(collector.send(b"bye", &mut sockets, Moment::ORIGIN));
}

/// An outage of one beat does not cost `misses` more at an address that does not answer.
#[test]
fn a_detour_that_does_not_answer_leads_back_at_once() {
    let (mut collector, mut sockets) = with_one_dead_address();
    let addresses = collector.addresses().to_vec();
    collector.ask(Seq::FIRST, 0);
    assert!(collector.answer(Seq::FIRST, 0, 1, addresses[0]).is_some());
    let mut tried = Vec::new();
    for number in 2..5 {
        collector.judge();
        collector.send(b"beat", &mut sockets, Moment::ORIGIN);
        tried.push(collector.address().unwrap());
        collector.ask(Seq::new(number), u64::from(number));
    }
    assert_eq!(tried, [addresses[0], addresses[1], addresses[0]]);
    let from = addresses[1];
    assert!(collector.answer(Seq::new(3), 3, 9, from).is_some());
    assert_eq!(collector.link().state(), State::Answering);
}

#[test]
fn what_troubles_all_that_is_sent_turns_to_no_other_address() {
    for (trouble, is_of_address) in [
        (Trouble::NetworkUnreachable, true),
        (Trouble::HostUnreachable, true),
        (Trouble::SourceAddress, true),
        (Trouble::Family, true),
        (Trouble::NotPermitted, true),
        (Trouble::NoBuffers, false),
        (Trouble::Interface, false),
    ] {
        assert_eq!(trouble.is_of_address(), is_of_address, "{trouble}");
    }
}
