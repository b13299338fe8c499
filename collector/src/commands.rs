//! What the program does beside running: keys and the schema, printed; and what a running collector is told.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use beacon_common::{KeyId, Label, MasterKey};
use zeroize::Zeroizing;

use crate::cli::Command;
use crate::client;
use crate::failure::{Exit, Failure};
use crate::input::Reading;
use crate::keys::{generate, line, read_masters};
use crate::output::schema::schema;
use crate::track::tracker::Instruction;

/// Does what is asked, and prints what comes of it.
///
/// # Errors
/// What is wrong with the key file, or that it does not hold the key asked for; what a running collector refuses, or that
/// there is none.
pub fn perform(command: &Command) -> Result<ExitCode, Failure> {
    let mut text = match command {
        Command::Keygen { id } => generate(*id)?,
        Command::DeviceKey { keys, label, id } => device_key(keys, label, *id)?,
        Command::Schema => format!("{:#}", schema()).into(),
        Command::Status(status) => return client::show(status),
        Command::Silence {
            whom,
            lasts,
            reason,
            control,
        } => {
            let (lasts, reason) = (*lasts, reason.clone());
            client::operate_on(
                control,
                whom,
                &Instruction::Silence { lasts, reason },
                io::stdout(),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Unsilence { whom, control } => {
            client::operate_on(control, whom, &Instruction::Unsilence, io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Forget { label, control } => client::operate(control, *label, Instruction::Forget)?.into(),
    };
    text.push('\n');
    print(&text, io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

fn device_key(path: &Path, label: &Label, id: Option<KeyId>) -> Result<Zeroizing<String>, Failure> {
    let masters = read_masters(path, Reading::First)?;
    let chosen = match id {
        Some(id) => masters.iter().find(|master| master.id() == id),
        None => masters.last(),
    };
    let master = chosen.ok_or_else(|| {
        let ids: Vec<_> = masters
            .iter()
            .map(|master: &MasterKey| master.id().to_string())
            .collect();
        Failure::new(
            Exit::Usage,
            format_args!("--id: the key file has no such key; it has {}", ids.join(", ")),
        )
    })?;
    Ok(line(&master.device_key(label).reveal()))
}

/// Prints `text` to `out`. A reader that goes away has read what it wanted.
///
/// # Errors
/// [`Exit::Output`] where the text is not written.
pub fn print(text: &str, mut out: impl Write) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(cannot_write(&error)),
        _ => Ok(()),
    }
}

pub(crate) fn cannot_write(error: &io::Error) -> Failure {
    Failure::new(Exit::Output, format_args!("stdout cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;

    /// The device key of docs/protocol.md, section 6, from a file with two masters.
    #[test]
    fn a_device_key_is_made_from_the_master_asked_for_or_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys");
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&keys)
            .unwrap();
        file.write_all(b"3 ffffffffffffffffffffffffffffffff\n7 000102030405060708090a0b0c0d0e0f\n")
            .unwrap();
        let label = Label::new("fridge-7").unwrap();
        let of = |id: u8| device_key(&keys, &label, KeyId::new(id));

        let golden = "7 3ef60eb36452baf30efd880352564763";
        assert_eq!(*of(7).unwrap(), golden);
        assert_eq!(*of(0).unwrap(), golden);
        assert!(of(3).unwrap().starts_with("3 "));
        let failure = of(4).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.line, "--id: the key file has no such key; it has 3, 7");
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(print("text", writer), Ok(()));
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(print("text", full).unwrap_err().exit, Exit::Output);
    }
}
