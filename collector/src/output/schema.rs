//! The JSON Schema of the event lines (draft 2020-12), made from the table of keys.

use beacon_common::Health;
use serde_json::{Map, Value as Json, json};

use super::events::EventName;
use super::fields::{Field, Type};
use crate::track::event::{Cause, State};
use crate::track::loss_runs::CLASS_NAMES;
use crate::track::reject::Reject;

/// The schema of one line. Lines may have keys that it does not know: keys are only ever added.
#[must_use]
pub fn schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event line of beacon-collector",
        "type": "object",
        "properties": Field::ALL.into_iter().map(property).collect::<Map<_, _>>(),
        "required": keys(Field::HEAD),
        "additionalProperties": true,
        "oneOf": EventName::ALL.map(event),
    })
}

fn property(field: Field) -> (String, Json) {
    let row = field.row();
    let mut schema = value(row.kind);
    if row.nullable {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    schema["description"] = row.meaning.into();
    (row.key.to_owned(), schema)
}

fn value(kind: Type) -> Json {
    match kind {
        Type::One => json!({ "const": 1 }),
        Type::True => json!({ "const": true }),
        Type::Count | Type::Milliseconds => count(),
        Type::Integer => json!({ "type": "integer" }),
        Type::Time => json!({ "type": "string", "format": "date-time" }),
        Type::Text | Type::Address => json!({ "type": "string" }),
        Type::Addresses => json!({ "type": "array", "items": { "type": "string" } }),
        Type::Session => json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" }),
        Type::Event => json!({ "enum": EventName::ALL.map(EventName::name) }),
        Type::State => json!({ "enum": State::ALL.map(State::name) }),
        Type::Cause => json!({ "enum": Cause::ALL.map(Cause::name) }),
        Type::Health => json!({ "enum": Health::ALL.map(Health::name) }),
        Type::CountByState => counts(&State::ALL.map(State::name)),
        Type::CountByReason => counts(&Reject::ALL.map(Reject::name)),
        Type::CountByRun => counts(&CLASS_NAMES),
    }
}

fn count() -> Json {
    json!({ "type": "integer", "minimum": 0 })
}

fn counts(names: &[&str]) -> Json {
    json!({
        "type": "object",
        "properties": names.iter().map(|&name| (name.to_owned(), count())).collect::<Map<_, _>>(),
        "required": names,
        "additionalProperties": count(),
    })
}

/// What holds for the lines of one event beside what holds for all.
fn event(event: EventName) -> Json {
    let mut properties = json!({ "event": { "const": event.name() } });
    if !event.causes().is_empty() {
        let causes: Vec<_> = event.causes().iter().map(|cause| cause.name()).collect();
        properties["cause"] = json!({ "enum": causes });
    }
    json!({
        "description": event.meaning(),
        "properties": properties,
        "required": keys(event.fields()),
    })
}

fn keys(fields: impl IntoIterator<Item = Field>) -> Vec<&'static str> {
    fields.into_iter().map(Field::key).collect()
}
