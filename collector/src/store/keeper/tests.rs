use std::fs::{self, File};
use std::time::Duration;

use beacon_common::Label;
use mio::{Poll, Token};

use super::*;
use crate::handle::{Mail, connect};
use crate::store::batches::read;
use crate::store::bell::{Handed, Request};
use crate::store::layout::Reader;
use crate::track::blindness::Blindness;
use crate::track::stored::Change;
use crate::track::tracker::{Changed, Portion};

/// How long the keeper is waited for: far longer than it takes.
const SOON: Duration = Duration::from_secs(20);

/// A keeper, and the one shard that it asks, which the test plays.
struct Scene {
    directory: tempfile::TempDir,
    keeper: Keeper,
    bell: Bell,
    mail: Mail,
    /// What was asked for and not handed out yet: the save waits for it.
    portion: Option<Request>,
    _poll: Poll,
}

impl Scene {
    /// One that has saved the state that bears `stamp`.
    fn new(stamp: Stamp) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::claim(directory.path().join("state")).unwrap();
        let path = file.journal_path();
        let open = move || {
            let journal = Journal::begin(&path, &stamp).unwrap();
            journal.take_place().unwrap();
            Some(Ok(journal))
        };
        let poll = Poll::new().unwrap();
        let (handle, mail) = connect(poll.registry(), Token(0)).unwrap();
        let (bell, ear, legacies) = bell::bell();
        Self {
            keeper: Keeper::spawn(file, open, vec![handle], (bell.clone(), ear, legacies)).unwrap(),
            directory,
            bell,
            mail,
            portion: None,
            _poll: poll,
        }
    }

    /// Hands out what has changed, as soon as that is asked for.
    fn hand_out(&mut self, changed: Changed) {
        let claim = self.wait_for(|message| match message {
            Message::Changes(claim) => Ok(claim),
            other => Err(other),
        });
        claim.to.send(changed).unwrap();
    }

    /// Has the whole state saved, after `changed` has changed, and waits until it is asked for.
    fn begin_save(&mut self, changed: Changed) {
        self.bell.ring();
        self.hand_out(too_much());
        self.hand_out(changed);
        // It asks at once whether more has changed than made a batch.
        self.hand_out(gone(&[]));
        self.wait_for_save();
    }

    /// Waits until the whole state is asked for.
    fn wait_for_save(&mut self) {
        if self.portion.is_none() {
            self.portion = Some(self.wait_for(|message| match message {
                Message::Portion(request) => Ok(request),
                other => Err(other),
            }));
        }
    }

    fn wait_for<T>(&mut self, wanted: impl Fn(Message) -> Result<T, Message>) -> T {
        let limit = clock::now() + SOON;
        while clock::now() < limit {
            match self.mail.read().map(&wanted) {
                Some(Ok(message)) => return message,
                Some(Err(Message::Portion(request))) => self.portion = Some(request),
                Some(Err(_)) => panic!("changes are asked for once more than they are handed out"),
                None => thread::yield_now(),
            }
        }
        panic!("it is not asked for");
    }

    /// Hands out all there is, which is nothing.
    fn finish_save(&mut self) {
        let request = self.portion.take().unwrap();
        let portion = Portion {
            records: request.room,
            blindness: Blindness::default(),
            next: None,
        };
        let heard_until = clock::now();
        request.to.send(Handed { portion, heard_until }).unwrap();
    }

    /// What the journal says has changed since the state file that bears `stamp`.
    fn entered(&self, stamp: &Stamp) -> Vec<String> {
        let bytes = fs::read(self.directory.path().join("state.journal")).unwrap();
        let since = read(&bytes, stamp).unwrap().expect("it is this state's");
        since.changes.keys().map(Label::to_string).collect()
    }
}

/// That these sources are no more.
fn gone(labels: &[&str]) -> Changed {
    let change = |label: &&str| Change {
        label: Label::new(label).unwrap(),
        as_of: Moment::ORIGIN,
        known: None,
        silence: None,
    };
    Changed {
        changes: labels.iter().map(change).collect(),
        is_more: false,
        has_overflowed: false,
    }
}

/// More has changed than there is room to say.
fn too_much() -> Changed {
    Changed {
        has_overflowed: true,
        ..gone(&[])
    }
}

#[test]
fn what_changes_while_the_state_is_written_is_in_the_journal_at_once() {
    let stamp = Stamp::take();
    let mut scene = Scene::new(stamp);
    scene.begin_save(gone(&["before"]));
    scene.bell.ring();
    scene.hand_out(gone(&["during"]));
    scene.bell.ring();
    // It asks again when it has entered what it was told.
    scene.hand_out(gone(&[]));
    assert_eq!(scene.entered(&stamp), ["before", "during"]);

    scene.finish_save();
    scene.hand_out(gone(&[]));
    let state = File::open(scene.directory.path().join("state")).unwrap();
    let saved = Reader::begin(state).unwrap().header.stamp;
    scene.bell.ring();
    scene.hand_out(gone(&["after"]));
    scene.bell.ring();
    scene.hand_out(gone(&[]));
    assert_eq!(scene.entered(&saved), ["after", "during"]);
    scene.keeper.finish().unwrap();
    let mut names: Vec<_> = fs::read_dir(scene.directory.path()).unwrap().collect();
    names.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    assert_eq!(names.len(), 2, "the state and its lock: {names:?}");
}

/// A site was switched off: what has changed is more than a batch when a save begins.
#[test]
fn what_is_left_over_as_a_save_begins_does_not_wait_for_its_end() {
    let stamp = Stamp::take();
    let mut scene = Scene::new(stamp);
    scene.bell.ring();
    scene.hand_out(too_much());
    let mut many = gone(&["many"; 100_000]);
    many.is_more = true;
    scene.hand_out(many);
    scene.hand_out(gone(&["left-over"]));
    scene.bell.ring();
    scene.hand_out(gone(&[]));
    scene.wait_for_save();
    assert_eq!(scene.entered(&stamp), ["left-over", "many"]);
    scene.finish_save();
    scene.hand_out(gone(&[]));
    scene.keeper.finish().unwrap();
}

#[test]
fn who_is_told_to_end_waits_for_a_save_and_for_nothing_else() {
    let mut scene = Scene::new(Stamp::take());
    scene.begin_save(gone(&[]));
    scene.bell.end();
    scene.bell.ring();
    scene.finish_save();
    assert_eq!(scene.keeper.failures().in_all(), 0);
    scene.keeper.finish().unwrap();
    assert!(scene.directory.path().join("state").exists());
}

#[test]
fn a_state_file_without_a_journal_of_its_own_is_saved_all_the_same() {
    let mut scene = Scene::new(Stamp::take());
    scene.bell.ring();
    scene.hand_out(gone(&[]));
    fs::create_dir(scene.directory.path().join("state.journal.new")).unwrap();
    scene.begin_save(gone(&[]));
    scene.finish_save();
    scene.hand_out(gone(&[]));
    assert_eq!(scene.keeper.failures().in_all(), 1);
    scene.keeper.finish().unwrap();
    let state = File::open(scene.directory.path().join("state")).unwrap();
    assert!(Reader::begin(state).is_ok() && !scene.directory.path().join("state.journal").exists());
}
