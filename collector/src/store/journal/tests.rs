use super::*;
use crate::store::batches::{Since, read};

/// A batch that says that some state file was begun.
fn batch() -> Batch {
    Batch::begun(&Stamp::take())
}

fn since(path: &Path, stamp: &Stamp) -> Option<Since> {
    read(&contents(path).unwrap().unwrap(), stamp).unwrap()
}

#[test]
fn what_came_before_the_state_file_was_begun_is_shed_once_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    let [first, second] = [(); 2].map(|()| Stamp::take());
    let mut journal = Journal::begin(&path, &first).unwrap();
    journal.append(&mut batch()).unwrap();
    journal.mark(&second).unwrap();
    journal.append(&mut batch()).unwrap();
    assert_eq!(journal.len(), fs::metadata(&path).unwrap().len());
    let before = journal.len();
    assert!(since(&path, &first).is_some() && since(&path, &second).is_some());

    let mut journal = journal.shed().unwrap();
    assert_eq!(journal.len(), fs::metadata(&path).unwrap().len());
    assert!(journal.len() < before);
    assert!(since(&path, &first).is_none() && since(&path, &second).is_some());
    let third = Stamp::take();
    journal.mark(&third).unwrap();
    let journal = journal.shed().unwrap();
    assert!(since(&path, &second).is_none() && since(&path, &third).is_some());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    drop(journal);
    remove(&path).unwrap();
    remove(&path).unwrap();
    assert!(contents(&path).unwrap().is_none());
}

#[test]
fn it_goes_on_behind_what_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    let stamp = Stamp::take();
    let whole = Journal::begin(&path, &stamp).unwrap().len();
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(&batch().finish(0)[..20]);
    fs::write(&path, torn).unwrap();
    assert_eq!(since(&path, &stamp).unwrap().whole as u64, whole);

    let mut journal = Journal::resume(&path, whole).unwrap();
    journal.append(&mut batch()).unwrap();
    assert_eq!(since(&path, &stamp).unwrap().whole as u64, journal.len());
    assert_eq!(fs::metadata(&path).unwrap().len(), journal.len());
}

#[test]
fn an_empty_one_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    fs::write(&path, "").unwrap();
    assert!(contents(&path).unwrap().is_none());
}
