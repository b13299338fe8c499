use super::*;
use crate::store::batches::{Since, read};

/// A batch that says that some state file was begun.
fn batch() -> Batch {
    Batch::begun(&Stamp::take())
}

fn since(path: &Path, stamp: &Stamp) -> Option<Since> {
    read(&contents(path).unwrap().unwrap(), stamp).unwrap()
}

fn begin(path: &Path, stamp: &Stamp) -> Journal {
    let journal = Journal::begin(path, stamp).unwrap();
    journal.take_place().unwrap();
    journal
}

#[test]
fn one_takes_the_place_of_another_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    let [first, second] = [(); 2].map(|()| Stamp::take());
    let mut journal = begin(&path, &first);
    journal.append(&mut batch()).unwrap();
    assert_eq!(journal.len(), fs::metadata(&path).unwrap().len());

    let mut heir = Journal::begin(&path, &second).unwrap();
    assert!(heir.is_empty() && !journal.is_empty());
    heir.append(&mut batch()).unwrap();
    assert!(since(&path, &first).is_some() && since(&path, &second).is_none());
    heir.take_place().unwrap();
    assert!(since(&path, &first).is_none() && since(&path, &second).is_some());
    heir.append(&mut batch()).unwrap();
    assert_eq!(heir.len(), fs::metadata(&path).unwrap().len());
    assert_eq!(since(&path, &second).unwrap().whole as u64, heir.len());

    Journal::begin(&path, &first).unwrap();
    remove_new(&path);
    remove(&path).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    remove(&path).unwrap();
    assert!(contents(&path).unwrap().is_none());
}

#[test]
fn a_batch_says_how_much_was_on_the_disk_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    let stamp = Stamp::take();
    let mut journal = begin(&path, &stamp);
    let (first, len) = (journal.wish(), journal.len());
    journal.append(&mut batch()).unwrap();
    let both = first.and(journal.wish_with_name()).and(journal.wish());
    assert_eq!(both.name.as_deref(), Some(&*path), "a name is not forgotten");
    both.fulfil();
    journal.append(&mut batch()).unwrap();

    // What is damaged behind what was on the disk then is torn; what is damaged before it, damage.
    let bytes = fs::read(&path).unwrap();
    let damaged_at = |at: u64| {
        let mut bytes = bytes.clone();
        bytes[at as usize] ^= 1;
        read(&bytes, &stamp).map(|since| since.map(|since| since.whole as u64))
    };
    assert!(damaged_at(len + 1).is_err());
    assert_eq!(damaged_at(both.len + 1).unwrap(), Some(both.len));
}

#[test]
fn one_that_could_not_be_brought_to_the_disk_takes_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    let mut journal = begin(&path, &Stamp::take());
    let nowhere = Wish {
        name: Some("/nowhere/state.journal".into()),
        ..journal.wish()
    };
    nowhere.fulfil();
    journal.wish().fulfil();
    let errors = [journal.append(&mut batch()), journal.take_place()].map(|tried| tried.unwrap_err().kind());
    assert_eq!(errors, [ErrorKind::NotFound; 2], "for good");
}

#[test]
fn it_goes_on_behind_what_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.journal");
    let stamp = Stamp::take();
    let whole = begin(&path, &stamp).len();
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
