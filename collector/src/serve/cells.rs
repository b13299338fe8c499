//! What is shown of one source, in words.

use std::fmt::{self, Display};

use beacon_common::{Health, Moment};

use super::html::{Ago, Escaped};
use super::selection::per_million;
use crate::output::text::Brief;
use crate::track::event::State;
use crate::track::survey::Row;

/// The classes of a source: its state, and what else its looks depend on.
pub(super) struct Classes<'a>(pub(super) &'a Row);

impl Display for Classes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.state.name())?;
        match self.0.health {
            Health::Warning | Health::Critical => write!(f, " {}", self.0.health.name())?,
            Health::Ok | Health::Unknown => {}
        }
        match self.0.silence {
            Some(_) => f.write_str(" silenced"),
            None => Ok(()),
        }
    }
}

/// The state of a source, and what has to be known beside it. The script changes what is in `b`.
pub(super) struct Standing<'a>(pub(super) &'a Row);

impl Display for Standing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.0;
        write!(f, "<b>{}</b>", row.state.name())?;
        match row.health {
            Health::Unknown if row.is_heard() => {
                f.write_str("<span class=\"health\">, health unknown</span>")?;
            }
            Health::Warning | Health::Critical => {
                write!(f, "<span class=\"health\">, {}</span>", row.health.name())?;
            }
            Health::Ok | Health::Unknown => {}
        }
        if row.flapping {
            f.write_str(", flapping")?;
        }
        match row.silence {
            Some(_) => f.write_str(", silenced"),
            None => Ok(()),
        }
    }
}

/// How long ago the newest beat came.
pub(super) struct Seen<'a> {
    pub(super) row: &'a Row,
    pub(super) now: Moment,
}

impl Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, now) = (self.row.arrived, self.now);
        match self.row.is_heard() {
            true => write!(f, "{}", Ago { at, now }),
            false => f.write_str("never"),
        }
    }
}

/// Where the newest beat came from; nothing where there was none.
pub(super) struct Address<'a>(pub(super) &'a Row);

impl Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.0.origin;
        origin.map_or(Ok(()), |origin| write!(f, "{}", Escaped(origin.addr())))
    }
}

/// When the next beat is due; nothing where none is awaited.
pub(super) struct Due<'a> {
    pub(super) row: &'a Row,
    pub(super) now: Moment,
}

impl Display for Due<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_awaited = matches!(self.row.state, State::Up | State::Asleep | State::Late);
        match self.row.promise {
            Some(promise) if is_awaited => Until(promise.due, self.now).fmt(f),
            _ => Ok(()),
        }
    }
}

/// How long it is until a moment, or has been since then.
struct Until(Moment, Moment);

impl Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(due, now) = *self;
        let (before, after) = (due.since(now).as_millis(), now.since(due).as_millis());
        match (before, after) {
            // Less is not shown.
            (..100, ..100) => f.write_str("now"),
            (100.., _) => write!(f, "{}", Ago { at: now, now: due }),
            (_, 100..) => write!(f, "{} over", Ago { at: due, now }),
        }
    }
}

/// The share of lost beats in those expected.
pub(super) struct Loss<'a>(pub(super) &'a Row);

impl Display for Loss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.0.tally;
        Share(tally.lost, tally.expected).fmt(f)
    }
}

/// A part of a whole, to the nearest hundredth of a percent, or to the nearest millionth where it is less.
struct Share(i64, i64);

impl Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(part, whole) = *self;
        match per_million(part, whole) {
            0 if part > 0 => f.write_str("under 1 ppm"),
            0 => f.write_str("0"),
            few @ ..100 => write!(f, "{few} ppm"),
            _ => {
                let (part, whole) = (part.unsigned_abs(), whole.max(1).unsigned_abs());
                let hundredths = (part.saturating_mul(10_000).saturating_add(whole / 2)) / whole;
                write!(f, "{}.{:02} %", hundredths / 100, hundredths % 100)
            }
        }
    }
}

/// Microseconds in the unit that matters.
pub(super) struct Micros(pub(super) u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ ..1_000 => write!(f, "{us}µs"),
            us @ ..10_000 => write!(f, "{}.{}ms", us / 1_000, us % 1_000 / 100),
            us => write!(f, "{}", Brief(us / 1_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_told_in_the_unit_that_matters() {
        let told = [0, 999, 1_000, 9_999, 12_345, 2_500_000].map(|us| Micros(us).to_string());
        assert_eq!(told, ["0µs", "999µs", "1.0ms", "9.9ms", "12ms", "2.5s"]);
    }

    #[test]
    fn a_share_is_rounded_and_no_loss_becomes_none() {
        for (part, whole, told) in [
            (0, 0, "0"),
            (0, 9, "0"),
            (-1, 9, "0"),
            (1, 6, "16.67 %"),
            (1, 7, "14.29 %"),
            (9, 9, "100.00 %"),
            (9, 0, "900.00 %"),
            (1, 10_000, "0.01 %"),
            (996, 10_000_000, "0.01 %"),
            (994, 10_000_000, "99 ppm"),
            (1, 3_000_000, "under 1 ppm"),
        ] {
            assert_eq!(Share(part, whole).to_string(), told, "{part} of {whole}");
        }
    }

    #[test]
    fn what_is_due_about_now_is_not_over() {
        let told = |due_ms, now_ms| {
            let moment = |ms| Moment::ORIGIN.after_ms(ms);
            Until(moment(due_ms), moment(now_ms)).to_string()
        };
        assert_eq!(
            [
                told(5_000, 4_000),
                told(5_000, 4_901),
                told(5_000, 5_000),
                told(5_000, 5_099)
            ],
            ["1s", "now", "now", "now"]
        );
        assert_eq!(told(5_000, 5_300), "300ms over");
    }
}
