//! What the network and the sources are made to suffer.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::random::Random;

/// A share of a whole, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    per_million: u32,
}

impl Share {
    const ALL: u32 = 1_000_000;

    fn takes(self, random: &mut Random) -> bool {
        random.chance(self.per_million)
    }
}

/// Why a text is not a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseShareError;

impl fmt::Display for ParseShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share is a percentage from 0% to 100%, such as 0.1%")
    }
}

impl std::error::Error for ParseShareError {}

impl FromStr for Share {
    type Err = ParseShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent: f64 = text
            .strip_suffix('%')
            .and_then(|number| number.parse().ok())
            .ok_or(ParseShareError)?;
        let per_million = percent / 100.0 * f64::from(Self::ALL);
        if !(0.0..=f64::from(Self::ALL)).contains(&per_million) {
            return Err(ParseShareError);
        }
        Ok(Self {
            per_million: per_million.round() as u32,
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.per_million) / 10_000.0)
    }
}

/// What goes wrong on the way, each decided by chance for each datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairments {
    /// Never sent.
    pub loss: Share,
    /// Sent just behind the source's next one.
    pub reorder: Share,
    /// Sent twice in a row.
    pub duplicate: Share,
    /// The share of the sources that fall silent for good, each at a moment of its own in the time until
    /// [`Impairments::die_within`], but not before its second turn.
    pub die: Share,
    /// The time in which they do.
    pub die_within: Duration,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    Lost,
    Reordered,
    Duplicated,
}

impl Impairments {
    /// What becomes of the next datagram.
    pub(super) fn fate(&self, random: &mut Random) -> Fate {
        if self.loss.takes(random) {
            Fate::Lost
        } else if self.reorder.takes(random) {
            Fate::Reordered
        } else if self.duplicate.takes(random) {
            Fate::Duplicated
        } else {
            Fate::Sent
        }
    }

    /// When each of so many sources dies: not before that much of the load's time has passed.
    pub(super) fn deaths(&self, sources: u32, random: &mut Random) -> Vec<Duration> {
        let within = u64::try_from(self.die_within.as_nanos()).unwrap_or(u64::MAX);
        let mut death = || match self.die.takes(random) {
            true => Duration::from_nanos(random.below(within)),
            false => Duration::MAX,
        };
        (0..sources).map(|_| death()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_as_a_percentage() {
        for (text, per_million) in [("0%", 0), ("1%", 10_000), ("0.1%", 1_000), ("100%", 1_000_000)] {
            assert_eq!(text.parse(), Ok(Share { per_million }));
            assert_eq!(Share { per_million }.to_string(), text);
        }
        for text in ["", "%", "1", "-1%", "101%", "NaN%", "inf%", "1 %%"] {
            assert_eq!(text.parse::<Share>(), Err(ParseShareError), "{text}");
        }
    }

    #[test]
    fn every_fate_comes_as_often_as_asked() {
        let share = "10%".parse().unwrap();
        let impairments = Impairments {
            loss: share,
            reorder: share,
            duplicate: share,
            ..Impairments::default()
        };
        let mut random = Random::new(1);
        let fates: Vec<_> = (0..100_000).map(|_| impairments.fate(&mut random)).collect();
        let count = |fate| fates.iter().filter(|&&one| one == fate).count();
        assert!((9_700..10_300).contains(&count(Fate::Lost)));
        assert!((8_700..9_300).contains(&count(Fate::Reordered)));
        assert!((7_850..8_350).contains(&count(Fate::Duplicated)));
    }

    #[test]
    fn the_share_that_dies_does_so_in_time() {
        let impairments = Impairments {
            die: "1%".parse().unwrap(),
            die_within: Duration::from_secs(10),
            ..Impairments::default()
        };
        let deaths = impairments.deaths(100_000, &mut Random::new(1));
        let dead: Vec<_> = deaths.iter().filter(|&&at| at < Duration::MAX).collect();
        assert!((900..1_100).contains(&dead.len()));
        assert!(dead.iter().all(|&&at| at < Duration::from_secs(10)));
        assert!(dead.iter().any(|&&at| at < Duration::from_secs(1)));
        assert!(dead.iter().any(|&&at| at > Duration::from_secs(9)));
    }
}
