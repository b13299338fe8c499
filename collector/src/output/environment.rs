//! An event as environment variables, for the commands that are run when it happens.
//!
//! The event's name is `BEACON_EVENT`; each other key is `BEACON_EVENT_` and the key in capitals. No option of ours has
//! a variable that begins so. As in logfmt, the numbers of an object become variables of their own, and a list is
//! joined by commas; a null is empty.

use std::fmt::{self, Display};

use super::fields::{Field, Value};
use super::line::Line;

/// The variables of an event line.
pub(crate) fn variables(line: &Line<'_>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    line.each(|field, value| put(name(field), value, &mut variables))
        .expect("nothing that is put fails");
    variables
}

fn name(field: Field) -> String {
    match field {
        Field::Event => "BEACON_EVENT".to_owned(),
        field => format!("BEACON_EVENT_{}", field.key().to_ascii_uppercase()),
    }
}

fn put(name: String, value: Value<'_>, variables: &mut Vec<(String, String)>) -> fmt::Result {
    let text: &dyn Display = match &value {
        Value::Null => &"",
        Value::True => &"true",
        Value::Count(number) | Value::Milliseconds(number) => number,
        Value::Integer(number) => number,
        Value::Time(time) => time,
        Value::Text(text) => text,
        Value::Address(address) => address,
        Value::Addresses(addresses) => addresses,
        Value::Session(session) => session,
        Value::Counts(counts) => {
            return counts.each(|key, count| {
                let key = key.to_ascii_uppercase().replace(['-', '+'], "_");
                variables.push((format!("{name}_{key}"), count.to_string()));
                Ok(())
            });
        }
    };
    variables.push((name, text.to_string()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{TIME_US, one_of_each};
    use super::*;

    fn variables_of(what: &crate::track::event::What) -> Vec<(String, String)> {
        variables(&Line {
            id: 7,
            time_us: TIME_US,
            collector: "attic's\n$(x)",
            what,
        })
    }

    #[test]
    fn every_event_is_variables_that_a_shell_can_read() {
        for what in &one_of_each() {
            let told = variables_of(what);
            assert_eq!(told[3].0, "BEACON_EVENT");
            assert_eq!(told[4].1, "attic's\n$(x)", "as it is");
            for (name, _) in &told {
                let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                assert!(name.chars().all(is_name), "{name}");
                assert_eq!(
                    told.iter().filter(|(other, _)| other == name).count(),
                    1,
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn values_are_as_in_logfmt_and_a_null_is_empty() {
        let all = one_of_each();
        let value = |place: usize, name: &str| {
            let told = variables_of(&all[place]);
            told.into_iter()
                .find(|(other, _)| other == name)
                .map(|(_, value)| value)
        };
        let of_up = |name: &str| value(0, name).unwrap();
        assert_eq!(of_up("BEACON_EVENT"), "up");
        assert_eq!(of_up("BEACON_EVENT_SOURCE"), "fridge-7");
        assert_eq!(of_up("BEACON_EVENT_WAS"), "unknown");
        assert_eq!(of_up("BEACON_EVENT_BOUND_MS"), "25000");
        assert_eq!(value(11, "BEACON_EVENT_BOUND_MS").unwrap(), "");
        assert_eq!(
            value(14, "BEACON_EVENT_LISTEN").unwrap(),
            "[::]:7878,239.0.0.7:7878"
        );
        assert_eq!(value(15, "BEACON_EVENT_SOURCES_UP").unwrap(), "5");
        assert_eq!(value(15, "BEACON_EVENT_SOURCES"), None);
    }
}
