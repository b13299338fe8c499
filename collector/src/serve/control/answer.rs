//! What the control socket answers, but for the status of all, which is that of `/status.json`.

use std::fmt::{self, Write};

use beacon_common::{Label, Moment};
use serde_json::{Value, json};

use super::super::routes::Site;
use super::super::source::{LINES_SHOWN, is_edge};
use super::super::status::put_row;
use super::super::strip::Strip;
use crate::clock;
use crate::control::Refusal;
use crate::output::fields::Time;
use crate::track::tracker::Outcome;

/// One source in detail; `None` where there is none of this name.
pub(super) fn source(site: &Site, label: Label, now: Moment) -> Option<String> {
    let mut out = String::new();
    let is_there = try_source(site, label, now, &mut out).expect("a String takes whatever is written to it");
    is_there.then_some(out)
}

fn try_source(site: &Site, label: Label, now: Moment, out: &mut String) -> Result<bool, fmt::Error> {
    let Some(row) = site.looker.picture().row(&label) else {
        return Ok(false);
    };
    let (ring, clock) = (site.feed.ring(), clock::read());
    put_row(row, (now, &clock), out)?;
    out.pop();
    if let Some(slots) = row.slots {
        let (slots, last) = Strip::of((row, &slots), site.reorder_wait, &ring).text();
        write!(out, ",\"slots\":\"{slots}\",\"slots_to\":{last}")?;
    }
    out.push_str(",\"history\":[");
    let mut separator = "\n";
    let lines = ring.about(label).filter(|(_, source)| is_edge(source));
    for (line, _) in lines.take(LINES_SHOWN) {
        write!(out, "{separator}{}", line.json)?;
        separator = ",\n";
    }
    out.push_str("]}\n");
    Ok(true)
}

/// What was done about the source called `label`; or why nothing was.
pub(super) fn outcome(label: Label, outcome: Outcome) -> Result<String, (Refusal, String)> {
    let done = |what: &str, key: &str, value: Value| {
        let mut answer = json!({"done": what, "source": label.as_str()});
        if !value.is_null() {
            answer[key] = value;
        }
        Ok(format!("{answer}\n"))
    };
    match outcome {
        Outcome::Silenced(until) => {
            let until = Time(clock::read().wall_micros(until)).to_string();
            done("silenced", "until", until.into())
        }
        Outcome::Unsilenced => done("unsilenced", "", Value::Null),
        Outcome::NotSilenced => done("not_silenced", "", Value::Null),
        Outcome::Forgotten(was) => done("forgotten", "was", was.name().into()),
        Outcome::Unknown => Err((Refusal::Unknown, unknown(label))),
        Outcome::Unheard => {
            let problem = format!("{label} was never heard: take it out of the inventory");
            Err((Refusal::Unknown, problem))
        }
        Outcome::Full => {
            let problem = "as many sources are silenced as may be; unsilence some";
            Err((Refusal::Full, problem.to_owned()))
        }
    }
}

/// There is no such source.
pub(super) fn unknown(label: Label) -> String {
    format!("there is no source {label}")
}

/// That nothing was done, and why.
pub(super) fn refusal(refusal: Refusal, problem: &str) -> String {
    let answer = json!({"refused": refusal.name(), "problem": problem});
    format!("{answer}\n")
}
