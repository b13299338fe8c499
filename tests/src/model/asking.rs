//! What a source in silence is asked, and how often (docs/protocol.md, section 8).

use beacon_common::Moment;

/// How often a source is asked in one silence.
const TIMES: usize = 3;

/// The probes of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking {
    /// What was asked since the newest sign of life.
    nonces: Vec<u64>,
    /// How many of the times of this silence have passed.
    passed: usize,
    /// How many probes have been paid for.
    credit: i128,
    /// How many beats were received when that was last reckoned.
    reckoned: i128,
}

impl Asking {
    pub(super) fn begin_silence(&mut self, received: i128) {
        self.passed = 0;
        self.credit = (self.credit + received - self.reckoned).min(TIMES as i128);
        self.reckoned = received;
    }

    pub(super) fn end_silence(&mut self) {
        self.nonces.clear();
    }

    pub(super) fn begin_address(&mut self, received: i128) {
        (self.credit, self.reckoned) = (0, received);
    }

    pub(super) fn trust(&mut self) {
        self.credit = TIMES as i128;
    }

    pub(super) fn ask(&mut self, nonce: u64) {
        self.nonces.push(nonce);
    }

    pub(super) fn has_asked(&self, nonce: u64) -> bool {
        self.nonces.contains(&nonce)
    }

    /// When it is still to be asked in a silence that was noticed at `since` and is judged at `down`.
    pub(super) fn times(&self, since: Moment, down: i128) -> Vec<i128> {
        let since = i128::from(since.as_nanos());
        if self.credit == 0 || down <= since {
            return Vec::new();
        }
        let third = (down - since) / TIMES as i128;
        (self.passed..TIMES)
            .map(|nth| since + third * nth as i128)
            .collect()
    }

    /// It is asked at `now`, for all the times until then.
    pub(super) fn pass(&mut self, since: Moment, down: i128, now: i128) {
        self.passed += self
            .times(since, down)
            .iter()
            .filter(|&&time| time <= now)
            .count();
        self.credit -= 1;
    }
}
