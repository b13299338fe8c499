//! Checks event lines against the JSON Schema that the collector prints.
//!
//! It knows the few keywords which that schema uses and refuses any other, so that none is passed over.

use serde_json::{Map, Value};

use std::sync::OnceLock;

use super::binaries::{Binary, run};
use super::line::Line;

/// Keywords that demand nothing.
const ANNOTATIONS: [&str; 5] = ["$schema", "$id", "title", "description", "examples"];

/// A JSON Schema (draft 2020-12).
pub struct Schema(Value);

impl Schema {
    /// What `beacon-collector schema` prints.
    #[must_use]
    pub fn of_collector() -> &'static Self {
        static PRINTED: OnceLock<Schema> = OnceLock::new();
        PRINTED.get_or_init(Self::print)
    }

    fn print() -> Self {
        let printed = run(Binary::Collector, ["schema"]);
        assert_eq!((printed.code, printed.stderr), (Some(0), vec![]));
        let schema = serde_json::from_str(&printed.stdout.join("\n"));
        Self(schema.unwrap_or_else(|error| panic!("the schema is no JSON: {error}")))
    }

    /// Whether `line` is as the schema says.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn check(&self, line: &Line) -> Result<(), String> {
        check(&self.0, line.as_json()).map_err(|problem| format!("{problem}, in {line}"))
    }
}

fn check(schema: &Value, value: &Value) -> Result<(), String> {
    let Value::Object(keywords) = schema else {
        return match schema {
            Value::Bool(true) => Ok(()),
            _ => Err("nothing is allowed here".to_owned()),
        };
    };
    keywords
        .iter()
        .try_for_each(|(keyword, demand)| check_keyword(keywords, keyword, demand, value))
}

fn check_keyword(
    keywords: &Map<String, Value>,
    keyword: &str,
    demand: &Value,
    value: &Value,
) -> Result<(), String> {
    let is_met = match keyword {
        _ if ANNOTATIONS.contains(&keyword) => true,
        "type" => is_of_type(demand, value),
        "const" => demand == value,
        "enum" => list(demand).contains(value),
        "minimum" => value.as_f64() >= demand.as_f64(),
        "format" => demand != "date-time" || value.as_str().is_none_or(is_date_time),
        "pattern" => value.as_str().is_none_or(|text| matches(demand, text)),
        "required" => list(demand)
            .iter()
            .all(|key| key.as_str().is_some_and(|key| value.get(key).is_some())),
        "anyOf" => list(demand).iter().any(|schema| check(schema, value).is_ok()),
        "oneOf" => {
            list(demand)
                .iter()
                .filter(|schema| check(schema, value).is_ok())
                .count()
                == 1
        }
        "items" => {
            return value
                .as_array()
                .into_iter()
                .flatten()
                .try_for_each(|item| check(demand, item));
        }
        "properties" => return check_properties(demand, value),
        "additionalProperties" => return check_additional(keywords.get("properties"), demand, value),
        _ => return Err(format!("the test does not know the keyword {keyword}")),
    };
    if is_met {
        Ok(())
    } else {
        Err(format!("{value} does not meet {keyword} {demand}"))
    }
}

fn check_properties(schemas: &Value, value: &Value) -> Result<(), String> {
    schemas
        .as_object()
        .into_iter()
        .flatten()
        .try_for_each(|(key, schema)| match value.get(key) {
            Some(value) => check(schema, value).map_err(|problem| format!("{key}: {problem}")),
            None => Ok(()),
        })
}

fn check_additional(properties: Option<&Value>, schema: &Value, value: &Value) -> Result<(), String> {
    let is_named = |key: &str| properties.is_some_and(|properties| properties.get(key).is_some());
    let others = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !is_named(key));
    others
        .map(|(key, value)| (key, check(schema, value)))
        .try_for_each(|(key, checked)| checked.map_err(|problem| format!("{key}: {problem}")))
}

fn list(demand: &Value) -> &[Value] {
    demand.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_of_type(demand: &Value, value: &Value) -> bool {
    match demand.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

/// RFC 3339 in UTC, to the microsecond.
fn is_date_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000000Z";
    let fits = |(byte, form): (u8, u8)| {
        if form == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == form
        }
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// The one pattern there is: hex digits, so many of them.
fn matches(pattern: &Value, text: &str) -> bool {
    assert_eq!(pattern, "^[0-9a-f]{16}$", "the test knows no other pattern");
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_refused() {
        let schema = json!({
            "type": "object",
            "properties": {
                "id": { "type": "integer", "minimum": 0 },
                "time": { "type": "string", "format": "date-time" },
                "session": { "anyOf": [{ "type": "string", "pattern": "^[0-9a-f]{16}$" }, { "type": "null" }] },
                "listen": { "type": "array", "items": { "type": "string" } },
                "counts": { "properties": { "a": true }, "additionalProperties": { "type": "integer" } },
            },
            "required": ["id"],
            "oneOf": [
                { "properties": { "event": { "const": "tick" } } },
                { "properties": { "event": { "enum": ["late", "down"] } }, "required": ["cause"] },
            ],
        });
        let good = json!({
            "id": 7, "time": "2026-11-21T01:30:00.123456Z", "session": "691f3c2e5b0a9d11", "listen": ["a"],
            "counts": { "a": "any", "b": 1 }, "event": "late", "cause": "silent",
        });
        assert_eq!(check(&schema, &good), Ok(()));
        for (key, value) in [
            ("id", json!(-1)),
            ("id", json!("7")),
            ("time", json!("2026-11-21 01:30:00.123456Z")),
            ("session", json!("691f3c2e5b0a9d1")),
            ("listen", json!([1])),
            ("counts", json!({ "b": "1" })),
            ("event", json!("up")),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert!(check(&schema, &bad).is_err(), "{bad}");
        }
        for key in ["id", "cause"] {
            let mut bad = good.clone();
            assert!(bad.as_object_mut().unwrap().remove(key).is_some());
            assert!(check(&schema, &bad).is_err(), "{bad}");
        }
        assert!(check(&json!({ "not": {} }), &good).is_err());
    }
}
