use std::fs;

use beacon_common::Label;

use super::*;
use crate::store::batches::read;
use crate::store::keeper::Failures;

/// A book in a directory of its own.
struct Scene {
    directory: tempfile::TempDir,
    book: Book,
    failures: Failures,
    log: Log,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let failures = Failures::default();
        Self {
            book: Book::new(directory.path().join("state.journal"), Syncer::spawn().unwrap()),
            log: Log::new(failures.clone()),
            directory,
            failures,
        }
    }

    /// Saves the whole state, while `during` changes.
    fn save(&mut self, during: Vec<Changed>) -> Stamp {
        let stamp = Stamp::take();
        self.book.begin_save(&stamp, claims(vec![]), &mut self.log);
        self.enter(during);
        self.book.end_save(0).unwrap();
        stamp
    }

    fn is_save_wanted_now(&self) -> bool {
        self.book.save_wanted_at() == Some(Moment::ORIGIN)
    }

    fn enter(&mut self, changed: Vec<Changed>) -> bool {
        self.book.enter(claims(changed), &mut self.log)
    }

    /// What the journal on the disk says has changed.
    fn entered(&self, stamp: &Stamp) -> Vec<String> {
        let bytes = fs::read(self.directory.path().join("state.journal")).unwrap();
        let since = read(&bytes, stamp).unwrap().expect("it is this state's");
        since.changes.keys().map(Label::to_string).collect()
    }
}

/// A shard that hands out each of these in turn.
fn claims(mut changed: Vec<Changed>) -> [impl Claim; 1] {
    changed.reverse();
    [move |_| changed.pop()]
}

/// That the source called `label` is no more.
fn gone(label: &str) -> Changed {
    let change = Change {
        label: Label::new(label).unwrap(),
        as_of: Moment::ORIGIN,
        known: None,
        silence: None,
    };
    Changed {
        changes: vec![change],
        is_more: true,
        has_overflowed: false,
    }
}

#[test]
fn what_changes_while_the_state_is_saved_is_in_the_journal_of_the_new_one() {
    let mut scene = Scene::new();
    assert!(scene.is_save_wanted_now() && !scene.book.is_open());
    let first = scene.save(vec![]);
    assert!(scene.book.save_wanted_at().is_none() && scene.book.is_open());
    scene.enter(vec![gone("before")]);
    let wanted_at = scene.book.save_wanted_at();
    assert!(wanted_at.is_some() && !scene.is_save_wanted_now());
    scene.enter(vec![gone("before")]);
    assert_eq!(scene.book.save_wanted_at(), wanted_at);
    assert_eq!(scene.entered(&first), ["before"]);
    let second = scene.save(vec![gone("a"), gone("b")]);
    assert!(scene.book.save_wanted_at().is_some());
    assert_eq!(scene.entered(&second), ["a", "b"]);
    let third = scene.save(vec![]);
    assert_eq!(scene.entered(&third), [""; 0]);
    assert!(scene.book.save_wanted_at().is_none());
    let Scene { directory, book, .. } = scene;
    book.close();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn until_the_new_one_has_its_name_the_journal_says_all_of_both_state_files() {
    let mut scene = Scene::new();
    let first = scene.save(vec![]);
    scene.enter(vec![gone("before")]);
    let second = Stamp::take();
    scene.book.begin_save(&second, claims(vec![]), &mut scene.log);
    scene.enter(vec![gone("during")]);
    assert_eq!(scene.entered(&first), ["before", "during"]);
    assert_eq!(scene.entered(&second), ["during"]);

    scene.book.fail_save();
    assert!(scene.is_save_wanted_now() && scene.book.is_open());
    scene.enter(vec![gone("after")]);
    assert_eq!(scene.entered(&first), ["after", "before", "during"]);
    assert_eq!(scene.entered(&second), ["after", "during"]);
    assert_eq!(fs::read_dir(scene.directory.path()).unwrap().count(), 1);
}

#[test]
fn where_the_new_state_file_has_no_journal_that_of_the_one_before_goes_on() {
    let mut scene = Scene::new();
    scene.save(vec![]);
    let in_the_way = scene.directory.path().join("state.journal.new");
    fs::create_dir(&in_the_way).unwrap();
    let stamp = Stamp::take();
    scene.book.begin_save(&stamp, claims(vec![]), &mut scene.log);
    scene.enter(vec![gone("a")]);
    assert!(scene.book.end_save(0).is_err());
    scene.enter(vec![gone("b")]);
    assert_eq!(scene.entered(&stamp), ["a", "b"]);
    fs::remove_dir(&in_the_way).unwrap();
    let stamp = scene.save(vec![gone("c")]);
    assert_eq!(scene.entered(&stamp), ["c"]);
}

#[test]
fn where_the_journal_cannot_be_written_the_whole_state_is_saved() {
    let mut scene = Scene::new();
    let stamp = scene.save(vec![]);
    scene.book.open(Journal::unwritable(scene.book.path()), 0);
    scene.enter(vec![gone("a")]);
    assert_eq!(scene.failures.in_all(), 1);
    assert!(scene.is_save_wanted_now() && !scene.book.is_open() && !scene.log.is_well());
    assert_eq!(scene.entered(&stamp), [""; 0]);
    let stamp = scene.save(vec![]);
    scene.enter(vec![gone("b")]);
    assert_eq!(scene.entered(&stamp), ["b"]);
}

#[test]
fn where_too_many_have_changed_the_whole_state_is_saved() {
    let mut scene = Scene::new();
    scene.save(vec![]);
    let overflowed = Changed {
        has_overflowed: true,
        changes: vec![],
        is_more: false,
    };
    scene.enter(vec![overflowed]);
    assert!(scene.is_save_wanted_now());
    scene.save(vec![]);
    assert!(scene.book.save_wanted_at().is_none());
}

#[test]
fn a_journal_that_is_full_takes_no_more_until_the_state_is_saved() {
    let mut scene = Scene::new();
    scene.save(vec![]);
    let mut many = gone("a");
    many.changes = vec![many.changes[0].clone(); 100_000];
    let mut batches = 0;
    while scene.book.is_open() {
        scene.enter(vec![Changed {
            changes: many.changes.clone(),
            ..many
        }]);
        batches += 1;
    }
    assert!((2..10).contains(&batches) && scene.is_save_wanted_now());
    scene.save(vec![]);
    assert!(scene.book.is_open());
}
