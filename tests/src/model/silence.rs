//! What silence leads to, and what is asked meanwhile (docs/protocol.md, sections 8 and 9).

use beacon_collector::track::config::Probe;
use beacon_common::Moment;

use super::Model;
use crate::line::Line;

impl Model {
    /// The next moment at which silence is told; `None` where that lies beyond the end of time.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let Some(life) = &self.life else {
            return self.listing.as_ref()?.deadline(self.config.settle);
        };
        let nanos = self.silence_ns().into_iter().chain(life.steady_ns()).min()?;
        u64::try_from(nanos).ok().map(Moment::from_nanos)
    }

    /// Tells every deadline that has passed at `now`.
    pub fn judge(&mut self, now: Moment) -> Vec<Line> {
        let mut lines = Vec::new();
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            lines.extend(self.pass_time(now));
        }
        lines
    }

    /// What changes next if nothing is heard, or when it is asked next.
    fn silence_ns(&self) -> Option<i128> {
        let life = self.life.as_ref()?;
        let probe = self.next_probe().filter(|_| life.state == "late");
        probe.or_else(|| life.deadline_ns(self.forget()))
    }

    /// When a source that is late is asked next.
    fn next_probe(&self) -> Option<i128> {
        let life = self.life.as_ref()?;
        let is_asked = match self.config.probe {
            Probe::Auto => life.has_asked(),
            Probe::Always => true,
            Probe::Never => false,
        };
        let times = life.asking.times(life.since, life.awaited().down?);
        times.into_iter().next().filter(|_| is_asked)
    }

    /// Asks, where it is time to.
    fn probe(&mut self, now: Moment) {
        let now = i128::from(now.as_nanos());
        if self.next_probe().is_none_or(|next| next > now) {
            return;
        }
        let Some(life) = &mut self.life else { return };
        let Some(down) = life.awaited().down else { return };
        life.asking.pass(life.since, down, now);
        self.probes.push((life.newest.from, life.current().session));
    }

    /// What has changed by now because nothing was heard, and what is told of it.
    fn pass_time(&mut self, now: Moment) -> Vec<Line> {
        let forget = self.forget();
        let Some(life) = &mut self.life else {
            return self.miss(now).into_iter().collect();
        };
        // A question that is due meanwhile ends no state, and so is nothing that keeps a source from being steady.
        let changes = life
            .deadline_ns(forget)
            .unwrap_or(i128::MAX)
            .min(now.as_nanos().into());
        if life.steady_ns().is_some_and(|steady| steady <= changes) {
            return self.end_flapping(now).into_iter().collect();
        }
        let is_down = life
            .awaited()
            .down
            .is_some_and(|down| down <= now.as_nanos().into());
        if life.state == "late" && !is_down {
            self.probe(now);
            return Vec::new();
        }
        let past = life.past(now);
        let (event, cause) = match life.state {
            "up" => ("late", "silent"),
            "asleep" if life.promise.late.is_some() => ("late", "overslept"),
            "late" => ("down", life.cause),
            _ => ("forgotten", ""),
        };
        if event == "forgotten" {
            life.enter("unknown", life.cause, now);
            let line = self.tell(now, event, None, past, Vec::new());
            self.life = None;
            return line.into_iter().collect();
        }
        life.enter(event, cause, now);
        if event == "late" {
            let received = life.counters(now, self.config.reorder_wait).received;
            life.asking.begin_silence(received);
        }
        let mut lines: Vec<Line> = self
            .tell(now, event, Some(cause), past, Vec::new())
            .into_iter()
            .collect();
        if past.was == "up" {
            lines.extend(self.count_fall(now));
        }
        if event == "late" {
            self.probe(now);
        }
        lines
    }

    fn count_fall(&mut self, now: Moment) -> Option<Line> {
        let life = self.life.as_mut()?;
        if !life.damping.fall(now) {
            return None;
        }
        let (cause, past) = (life.cause, life.past(now));
        self.tell(now, "flapping", Some(cause), past, Vec::new())
    }

    /// A source that flapped is steady now.
    pub(super) fn end_flapping(&mut self, now: Moment) -> Option<Line> {
        let life = self.life.as_ref().filter(|life| life.damping.is_flapping())?;
        let mut steady = self.line(now, "steady", Some(life.cause), life.past(now), Vec::new())?;
        self.life.as_mut()?.damping.end(&mut steady);
        Some(steady)
    }
}
