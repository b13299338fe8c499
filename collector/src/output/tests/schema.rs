//! The lines hold to the schema. The checker knows the part of JSON Schema that the schema uses, and refuses
//! to pass over any other keyword.

use super::*;
use crate::output::samples::{happened, up};
use crate::output::schema::schema;
use crate::track::event::{Cause, Detail, Happening, Marks, SourceEvent, State, Tick};
use crate::track::meter::Measured;
use beacon_common::{Health, Seq, Session};
use proptest::prelude::*;
use proptest::sample::select;
use std::net::SocketAddr;
use std::time::Duration;

/// What is wrong with `value`, if anything.
fn check(schema: &Json, value: &Json) -> Result<(), String> {
    let rules = schema.as_object().expect("a schema is an object");
    let refuse = |rule: &str| Err(format!("{value} breaks {rule} of {schema}"));
    for (rule, wanted) in rules {
        let holds = match rule.as_str() {
            "$schema" | "title" | "description" => true,
            "format" => wanted != "date-time" || humantime::parse_rfc3339(as_str(value)).is_ok(),
            "type" => is_of_type(value, as_str(wanted)),
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "minimum" => value.as_u64() >= wanted.as_u64(),
            "pattern" if wanted == "^[0-9a-f]{16}$" => is_session(as_str(value)),
            "items" => value
                .as_array()
                .expect("a list")
                .iter()
                .all(|item| check(wanted, item).is_ok()),
            "required" => wanted
                .as_array()
                .expect("a list")
                .iter()
                .all(|key| value.get(as_str(key)).is_some()),
            "properties" => {
                for (key, rules) in wanted.as_object().expect("an object") {
                    value.get(key).map_or(Ok(()), |value| check(rules, value))?;
                }
                true
            }
            "additionalProperties" => wanted == true || wanted["type"] == "integer",
            "anyOf" => matches(wanted, value) >= 1,
            "oneOf" => matches(wanted, value) == 1,
            other => return Err(format!("the checker does not know {other}")),
        };
        if !holds {
            return refuse(rule);
        }
    }
    Ok(())
}

fn matches(schemas: &Json, value: &Json) -> usize {
    let schemas = schemas.as_array().expect("a list");
    schemas
        .iter()
        .filter(|schema| check(schema, value).is_ok())
        .count()
}

fn is_of_type(value: &Json, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn is_session(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn as_str(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn one_line_of_each_event_holds_to_the_schema_with_the_keys_of_the_table_in_order() {
    let schema = schema();
    for (what, event) in one_of_each().into_iter().zip(EventName::ALL) {
        assert_eq!(EventName::of(&what), event);
        let text = line(Format::Json, "attic", what.clone());
        let parsed = json("attic", what);
        assert_eq!(check(&schema, &parsed), Ok(()));
        let mut end = 0;
        for field in event.fields() {
            let place = text[end..].find(&format!("\"{}\":", field.key()));
            end += place.unwrap_or_else(|| panic!("{} is not in its place in {text}", field.key()));
        }
        assert_eq!(
            parsed.as_object().map(|keys| keys.len()),
            Some(event.fields().count()),
            "{text}"
        );
    }
}

#[test]
fn the_schema_refuses_what_is_not_a_line() {
    let schema = schema();
    let good = json("attic", What::Source(up()));
    for (key, bad) in [
        ("v", Json::from(2)),
        ("time", "yesterday".into()),
        ("event", "gone".into()),
        ("cause", "silent".into()),
        ("cause", Json::Null),
        ("session", "691F3c2e5b0a9d11".into()),
        ("seq", (-1).into()),
        ("state", "fine".into()),
        ("bound_ms", "25s".into()),
    ] {
        let mut line = good.clone();
        line[key] = bad;
        assert!(check(&schema, &line).is_err(), "{line}");
    }
    for key in ["id", "source", "silent_ms"] {
        let mut line = good.clone();
        line.as_object_mut().unwrap().remove(key);
        assert!(check(&schema, &line).is_err(), "{line}");
    }
    let mut more = good;
    more["later"] = "a key of a later version".into();
    assert_eq!(check(&schema, &more), Ok(()));
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

/// Any event about a source, with a cause and a detail that its kind has.
fn source_event() -> impl Strategy<Value = SourceEvent> {
    let words = (
        select(&Happening::ALL[..]),
        select(&State::ALL[..]),
        select(&State::ALL[..]),
        select(&Health::ALL[..]),
    );
    let numbers = (
        any::<u64>(),
        any::<u32>(),
        any::<u32>(),
        any::<i64>(),
        any::<u64>(),
    );
    let times = (duration(), duration(), proptest::option::of(duration()));
    let rest = (any::<prop::sample::Index>(), any::<SocketAddr>());
    (words, numbers, times, rest).prop_map(|(words, numbers, times, (cause, addr))| {
        let (happening, state, was, status) = words;
        let (count, seq, interval_ms, lost, session) = numbers;
        let causes = EventName::Source(happening).causes();
        let any_cause = (!causes.is_empty()).then(|| *cause.get(causes));
        let (since, silent, bound) = times;
        SourceEvent {
            addr: (count % 11 != 0).then_some(addr),
            status,
            session: (count % 11 != 0).then_some(Session::from_u64(session)),
            seq: Seq::new(seq),
            interval_ms,
            since,
            silent,
            bound,
            received: count,
            lost,
            detail: detail(happening, count, lost, addr, silent),
            marks: Marks {
                by_reply: count % 2 == 0,
                mass: count % 3 == 0,
                learning: count % 5 == 0,
                silenced: count % 7 == 0,
                flapping: count % 11 == 0,
            },
            group: (count % 13 == 0).then(|| "k\u{fc}che".into()),
            ..happened(
                happening,
                state,
                was,
                any_cause.or(Some(*cause.get(&Cause::ALL)).filter(|_| causes.is_empty())),
            )
        }
    })
}

fn detail(happening: Happening, count: u64, number: i64, addr: SocketAddr, wake: Duration) -> Detail {
    match happening {
        Happening::Asleep => Detail::Sleep { wake },
        Happening::Moved => Detail::Moved { from: addr, to: addr },
        Happening::Status => Detail::Status {
            from: Health::Ok,
            to: Health::Warning,
        },
        Happening::DuplicateLabel => Detail::Twins { addrs: [addr, addr] },
        Happening::Report => Detail::Report {
            old: count,
            jitter_us: count,
            expected: number,
            measured: Measured {
                loss_run_max: count as u32,
                loss_runs: [count as u32; _],
                reorder_extent_max: count as u32,
                delays_us: count.is_multiple_of(2).then_some([count as u32; 2]),
            },
        },
        _ => Detail::None,
    }
}

proptest! {
    #[test]
    fn any_event_holds_to_the_schema(source in source_event(), name in any::<String>()) {
        prop_assert_eq!(check(&schema(), &json(&name, What::Source(source))), Ok(()));
    }

    #[test]
    fn any_tick_holds_to_the_schema(sources in any::<[u64; 6]>(), received in any::<u64>()) {
        let tick = Tick { sources, received, ..Tick::default() };
        prop_assert_eq!(check(&schema(), &json("attic", What::Tick(tick))), Ok(()));
    }
}
