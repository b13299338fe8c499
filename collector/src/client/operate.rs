//! What a running collector is told to do about a source, or about each of a group.

use std::ffi::OsString;
use std::io::Write;

use beacon_common::Label;

use super::answer::{Answer, unreachable};
use super::table;
use crate::cli::Whom;
use crate::commands;
use crate::control::Ask;
use crate::failure::Failure;
use crate::track::tracker::Instruction;

/// Has a running collector do the same about each of some sources, and prints to `out` what it has done, a line each, when
/// it has.
///
/// # Errors
/// [`Exit::Unreachable`](crate::failure::Exit::Unreachable) where no collector answers, and what it refuses; of a group, at
/// the first source of which it refuses that, with how many are done.
pub fn operate_on(
    control: &Option<OsString>,
    whom: &Whom,
    instruction: &Instruction,
    mut out: impl Write,
) -> Result<(), Failure> {
    let labels = match &whom.group {
        Some(group) => members(control, group)?,
        None => whom.label.into_iter().collect(),
    };
    let mut done = 0;
    let told = labels.iter().try_for_each(|label| {
        let line = operate(control, *label, instruction.clone())?;
        done += 1;
        commands::print(&format!("{line}\n"), &mut out)
    });
    told.map_err(|failure| match &whom.group {
        Some(_) => Failure::new(
            failure.exit,
            format_args!("{failure}; {done} of {} are done", labels.len()),
        ),
        None => failure,
    })
}

/// The sources that are in a group of the inventory now.
fn members(control: &Option<OsString>, group: &str) -> Result<Vec<Label>, Failure> {
    let ask = Ask::Status {
        group: Some(group.to_owned()),
        worst: None,
    };
    let document = Answer::to(control, &ask)?.whole()?;
    let list = document["list"].as_array().map_or(&[][..], Vec::as_slice);
    let labels = list
        .iter()
        .filter_map(|source| Label::new(source["source"].as_str()?).ok());
    Ok(labels.collect())
}

/// Has a running collector do something about one source. Returns what it has done.
///
/// # Errors
/// [`Exit::Unreachable`](crate::failure::Exit::Unreachable) where no collector answers, and what it refuses.
pub fn operate(
    control: &Option<OsString>,
    label: Label,
    instruction: Instruction,
) -> Result<String, Failure> {
    let answer = Answer::to(control, &Ask::Operate(label, instruction))?.whole()?;
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    Ok(match text("done") {
        "silenced" => format!(
            "{label} is silenced until {}",
            table::to_the_minute(text("until"))
        ),
        "unsilenced" => format!("{label} is no longer silenced"),
        "not_silenced" => format!("{label} was not silenced"),
        "forgotten" => format!("{label} is forgotten; it was {}", text("was")),
        _ => {
            return Err(unreachable(
                &"it answers what is not understood; is it of the same release?",
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;
    use crate::track::silences::Reason;
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;
    use std::time::Duration;

    /// Answers the next client with `answer`, and returns what it asked.
    fn answer(listener: &UnixListener, answer: impl FnOnce() -> String) -> String {
        let (stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        BufReader::new(&stream).read_line(&mut asked).unwrap();
        (&stream).write_all(answer().as_bytes()).unwrap();
        asked
    }

    #[test]
    fn of_a_group_each_source_is_told_when_it_is_done_and_a_failure_says_how_many_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let listener = UnixListener::bind(&path).unwrap();
        let (out, told) = UnixStream::pair().unwrap();
        told.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let collector = thread::spawn(move || {
            let list = "{\"list\":[\n{\"source\":\"a\"},\n{\"source\":\"b\"}\n]}\n".to_owned();
            answer(&listener, || list);
            let until = "2026-11-21T12:00:59.123456Z";
            let silenced = format!("{{\"done\":\"silenced\",\"source\":\"a\",\"until\":\"{until}\"}}\n");
            answer(&listener, || silenced);
            let mut line = String::new();
            let asked = answer(&listener, || {
                BufReader::new(told).read_line(&mut line).unwrap();
                "{\"refused\":\"full\",\"problem\":\"unsilence some\"}\n".to_owned()
            });
            assert!(asked.contains("\"source\":\"b\""), "{asked}");
            line
        });
        let whom = Whom {
            label: None,
            group: Some("yard".to_owned()),
        };
        let silence = Instruction::Silence {
            lasts: Duration::from_hours(2),
            reason: Reason::new("").unwrap(),
        };
        let failure = operate_on(&Some(path.into()), &whom, &silence, out).unwrap_err();
        assert_eq!(
            (failure.exit, failure.line.as_str()),
            (Exit::InUse, "unsilence some; 1 of 2 are done")
        );
        let line = collector.join().unwrap();
        assert_eq!(
            line, "a is silenced until 2026-11-21 12:00Z\n",
            "told before the next is done"
        );
    }
}
