//! What the newest frame of a source changes, and the events that tell it: exactly one for each edge.

use std::time::Duration;

use beacon_common::{Frame, Kind, Moment, Reason};

use super::Tracker;
use crate::track::event::{Cause, Detail, Happening, SourceId, State};
use crate::track::tell::Before;

impl Tracker {
    /// Tells what the newest frame of a source changed: its state, its address, its health. `restart` says why a
    /// new session began, where one did.
    pub(super) fn settle(
        &mut self,
        id: SourceId,
        frame: &Frame,
        now: Moment,
        before: &Before,
        restart: Option<Cause>,
    ) {
        match frame.kind {
            Kind::Bye(reason) => self.part(id, frame, reason, now, before),
            Kind::Beat(health) => {
                self.table[id].health = Some(health);
                self.revive(id, now, before, restart);
            }
            Kind::Ack | Kind::Probe | Kind::Reply => {}
        }
        self.tell_moved(id, now, before, restart.is_some());
        self.tell_status(id, now, before);
    }

    /// A bye: the source stops or sleeps, whatever it was.
    fn part(&mut self, id: SourceId, frame: &Frame, reason: Reason, now: Moment, before: &Before) {
        let (state, happening, cause) = match reason {
            Reason::Stop => (State::Stopped, Happening::Stopped, Cause::Stop),
            Reason::Reboot => (State::Stopped, Happening::Stopped, Cause::Reboot),
            Reason::Upgrade => (State::Stopped, Happening::Stopped, Cause::Upgrade),
            Reason::Sleep => (State::Asleep, Happening::Asleep, Cause::Sleep),
        };
        let detail = match reason {
            Reason::Sleep => Detail::Sleep {
                wake: Duration::from_millis(frame.next_ms.into()),
            },
            Reason::Stop | Reason::Reboot | Reason::Upgrade => Detail::None,
        };
        self.enter(id, state, cause, now);
        self.tell(id, now, before, (happening, Some(cause)), detail);
        self.end_flapping(id, now);
    }

    /// A beat: the source is up, whatever it was.
    fn revive(&mut self, id: SourceId, now: Moment, before: &Before, restart: Option<Cause>) {
        let (happening, cause) = match (before.state, restart) {
            (State::Up, None) => return,
            (State::Unknown, _) => (Happening::Up, Cause::New),
            (State::Down, _) if before.addr.is_none() => (Happening::Up, Cause::New),
            (State::Asleep, _) => (Happening::Up, Cause::Awake),
            (State::Up | State::Late, Some(cause)) => (Happening::Restarted, cause),
            (State::Down | State::Stopped, Some(_)) => (Happening::Up, Cause::Restart),
            (State::Late | State::Down | State::Stopped, None) => (Happening::Up, Cause::Back),
        };
        if happening == Happening::Restarted || cause == Cause::Restart {
            self.restarts.count(id);
        }
        self.enter(id, State::Up, cause, now);
        self.tell(id, now, before, (happening, Some(cause)), Detail::None);
    }

    /// A new session comes from a new process, whose port means nothing; within a session the port counts too,
    /// because a NAT that gives another one has moved the source.
    fn tell_moved(&mut self, id: SourceId, now: Moment, before: &Before, is_new_session: bool) {
        let Some(from) = before.addr else { return };
        let to = self.table[id].origin.addr();
        let has_moved = if is_new_session {
            from.ip() != to.ip()
        } else {
            from != to
        };
        if has_moved {
            let before = self.unchanged(id, now, before);
            self.tell(
                id,
                now,
                &before,
                (Happening::Moved, None),
                Detail::Moved { from, to },
            );
        }
    }

    /// The first health that a source states is no change.
    fn tell_status(&mut self, id: SourceId, now: Moment, before: &Before) {
        let (Some(from), Some(to)) = (before.health, self.table[id].health) else {
            return;
        };
        if from != to {
            let before = self.unchanged(id, now, before);
            let what = (Happening::Status, None);
            self.tell(id, now, &before, what, Detail::Status { from, to });
        }
    }

    /// What was before an event that changes no state: the state as it is now.
    fn unchanged(&self, id: SourceId, now: Moment, before: &Before) -> Before {
        Before {
            state: self.table[id].state,
            since: now.since(self.table.history(id).since),
            ..*before
        }
    }
}
