//! The sources as a table for people, the worst first.

use std::fmt::Write as _;

use serde_json::Value;

use crate::output::text::{Brief, paint, put_text};
use crate::track::event::State;

/// The column that is left out where it is empty.
const GROUP: usize = 2;

const HEADINGS: [&str; 10] = [
    "STATE",
    "SOURCE",
    "GROUP",
    "CAUSE",
    "SINCE",
    "LAST SEEN",
    "INTERVAL",
    "LOST",
    "HEALTH",
    "ADDRESS",
];

/// A table of the sources in `document`.
pub(super) fn render(document: &Value, colour: bool) -> String {
    let mut out = String::new();
    text(&document["collector"], &mut out);
    let time = to_the_second(document["time"].as_str().unwrap_or_default());
    let _ = writeln!(out, ": {}  {time}", counts(document));
    if let (Some(count), Some(total)) = (
        document["mass_loss"]["count"].as_u64(),
        document["mass_loss"]["total"].as_u64(),
    ) {
        let _ = writeln!(
            out,
            "Mass loss: {count} of {total} live sources fell silent together. Look at the collector's own network first."
        );
    }
    let list = document["list"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<_> = list.iter().map(Row::of).collect();
    if !rows.is_empty() {
        out.push('\n');
        put_rows(&rows, colour, &mut out);
    }
    let total: u64 = State::ALL.map(|state| count(document, state)).iter().sum();
    let left = total.saturating_sub(rows.len() as u64);
    if left > 0 {
        let _ = writeln!(out, "and {left} more; --json has all");
    }
    out
}

/// A source in the table.
struct Row {
    state: Option<State>,
    cells: [String; HEADINGS.len()],
    note: String,
}

impl Row {
    fn of(source: &Value) -> Self {
        let word = |key: &str| source[key].as_str().unwrap_or_default().to_owned();
        let mut group = String::new();
        text(&source["group"], &mut group);
        let number = |key: &str| source[key].as_i64().unwrap_or_default();
        let seen = match source["session"].is_null() {
            true => "never".to_owned(),
            false => brief(&source["silent_ms"]),
        };
        let interval = match number("interval_ms") {
            0 => String::new(),
            _ => brief(&source["interval_ms"]),
        };
        let state = word("state");
        Self {
            state: State::ALL.into_iter().find(|known| known.name() == state),
            cells: [
                state,
                word("source"),
                group,
                word("cause"),
                brief(&source["since_ms"]),
                seen,
                interval,
                number("lost").to_string(),
                word("status"),
                word("addr"),
            ],
            note: note(source),
        }
    }
}

fn put_rows(rows: &[Row], colour: bool, out: &mut String) {
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row.cells[column].chars().count());
        cells.chain([HEADINGS[column].len()]).max().unwrap_or_default()
    });
    let has_groups = rows.iter().any(|row| !row.cells[GROUP].is_empty());
    let line = |cells: &[&str; HEADINGS.len()], paint: Option<&str>, note: &str, out: &mut String| {
        let begin = out.len();
        let told = |&(column, _): &(usize, &&str)| column != GROUP || has_groups;
        for (column, cell) in cells.iter().enumerate().filter(told) {
            let pad = widths[column].saturating_sub(cell.chars().count()) + 2;
            match paint.filter(|_| column == 0) {
                Some(paint) => {
                    let _ = write!(out, "\x1b[{paint}m{cell}\x1b[0m");
                }
                None => out.push_str(cell),
            }
            out.extend(std::iter::repeat_n(' ', pad));
        }
        out.push_str(note);
        out.truncate(begin + out[begin..].trim_end().len());
        out.push('\n');
    };
    line(&HEADINGS, None, "", out);
    for row in rows {
        let paint = row.state.filter(|_| colour).and_then(paint);
        line(&row.cells.each_ref().map(String::as_str), paint, &row.note, out);
    }
}

/// How many sources there are in each state, but for the states that none is in, the worst first.
pub(super) fn counts(document: &Value) -> String {
    let mut counts: Vec<_> = State::WORST_FIRST
        .into_iter()
        .map(|state| (count(document, state), state.name()))
        .collect();
    let silenced = State::ALL.map(|state| {
        document["silenced_sources"][state.name()]
            .as_u64()
            .unwrap_or_default()
    });
    counts.push((silenced.iter().sum(), "silenced"));
    let told: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    match told.is_empty() {
        true => "no sources".to_owned(),
        false => told.join(", "),
    }
}

fn count(document: &Value, state: State) -> u64 {
    document["sources"][state.name()].as_u64().unwrap_or_default()
}

/// What is remarkable about a source; empty where nothing is.
fn note(source: &Value) -> String {
    let flapping = (source["flapping"] == true).then(|| "flapping".to_owned());
    let silence = Some(silence(source)).filter(|silence| !silence.is_empty());
    let notes: Vec<_> = flapping.into_iter().chain(silence).collect();
    notes.join(", ")
}

/// How a source is silenced; empty where it is not.
pub(super) fn silence(source: &Value) -> String {
    let Some(until) = source["silenced_until"].as_str() else {
        return String::new();
    };
    let mut out = format!("silenced until {}", to_the_minute(until));
    if source["silence_reason"]
        .as_str()
        .is_some_and(|reason| !reason.is_empty())
    {
        out.push_str(": ");
        text(&source["silence_reason"], &mut out);
    }
    out
}

/// Milliseconds as people say them.
pub(super) fn brief(ms: &Value) -> String {
    let ms = ms.as_u64().unwrap_or_default();
    // Tenths of a second would only flicker.
    let ms = if ms >= 10_000 { ms / 1_000 * 1_000 } else { ms };
    Brief(ms).to_string()
}

/// `2026-11-21T10:12:33.824165Z` as `2026-11-21 10:12Z`.
pub(super) fn to_the_minute(time: &str) -> String {
    cut(time, 16)
}

/// `2026-11-21T10:12:33.824165Z` as `2026-11-21 10:12:33Z`.
pub(super) fn to_the_second(time: &str) -> String {
    cut(time, 19)
}

fn cut(time: &str, len: usize) -> String {
    format!("{}Z", time.get(..len).unwrap_or(time).replace('T', " "))
}

/// Puts a text, so that it cannot steer the terminal.
pub(super) fn text(value: &Value, out: &mut String) {
    let text = value.as_str().unwrap_or_default();
    put_text(text, out).expect("a String takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "collector": "attic\u{1b}[2J", "time": "2026-11-21T10:12:33.824165Z", "mass_loss": null,
            "sources": {"up": 1, "late": 0, "down": 2, "stopped": 0, "asleep": 0, "unknown": 0},
            "silenced_sources": {"down": 1},
            "list": [
                {
                    "source": "fridge-7", "addr": "10.0.0.7:40112", "state": "down", "cause": "silent",
                    "session": "691f3c2e5b0a9d11", "interval_ms": 10_000, "status": "ok", "since_ms": 61_999,
                    "silent_ms": 92_000, "lost": 3, "silenced_until": "2026-11-21T12:00:59.000000Z",
                    "silence_reason": "Ann is at it", "flapping": true
                },
                {
                    "source": "gate", "addr": null, "state": "down", "cause": "never", "session": null,
                    "interval_ms": 0, "status": "unknown", "since_ms": 5_000, "silent_ms": 125_000, "lost": 0,
                    "silenced_until": null, "silence_reason": null
                },
            ],
        })
    }

    #[test]
    fn the_table_is_aligned_and_says_how_many_there_are() {
        let text = render(&document(), false);
        assert_eq!(
            text,
            "attic\\u{1b}[2J: 2 down, 1 up, 1 silenced  2026-11-21 10:12:33Z\n\
             \n\
             STATE  SOURCE    CAUSE   SINCE  LAST SEEN  INTERVAL  LOST  HEALTH   ADDRESS\n\
             down   fridge-7  silent  1m1s   1m32s      10s       3     ok       10.0.0.7:40112  \
             flapping, silenced until 2026-11-21 12:00Z: Ann is at it\n\
             down   gate      never   5s     never                0     unknown\n\
             and 1 more; --json has all\n"
        );
    }

    #[test]
    fn the_states_are_counted_up_from_worst_to_best() {
        let sources = json!({"up": 1, "late": 2, "down": 3, "stopped": 4, "asleep": 5, "unknown": 6});
        assert_eq!(
            counts(&json!({"sources": sources})),
            "3 down, 2 late, 6 unknown, 5 asleep, 4 stopped, 1 up"
        );
    }

    #[test]
    fn groups_have_a_column_where_there_are_any() {
        let mut document = document();
        document["list"][1]["group"] = json!("k\u{fc}che\u{1b}");
        let text = render(&document, false);
        for line in [
            "STATE  SOURCE    GROUP        CAUSE   SINCE  LAST SEEN  INTERVAL  LOST  HEALTH   ADDRESS",
            "down   gate      k\u{fc}che\\u{1b}  never   5s     never                0     unknown",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} in:\n{text}");
        }
    }

    #[test]
    fn a_terminal_gets_the_states_in_colour() {
        let text = render(&document(), true);
        assert!(text.contains("\x1b[31mdown\x1b[0m   gate"), "{text:?}");
    }

    #[test]
    fn an_empty_fleet_and_a_mass_loss_are_told() {
        let mut document = json!({"collector": "attic", "time": "", "sources": {}, "list": []});
        assert_eq!(render(&document, false), "attic: no sources  Z\n");
        document["mass_loss"] = json!({"count": 6, "total": 10});
        assert!(render(&document, false).contains("Mass loss: 6 of 10 live sources"));
    }
}
