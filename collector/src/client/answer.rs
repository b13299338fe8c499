//! What a collector answers, as it comes: a document, which is whole only where its end has come.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use super::connect;
use super::verdict::Verdict;
use crate::commands;
use crate::control::{Ask, Place, Refusal};
use crate::failure::{Exit, Failure};

/// How the document of a status ends, and none of its lines before: those end with a comma, the bracket that opens the
/// list, or a source's last key, which is no list.
const END: &[u8] = b"]}\n";

/// How much of an answer is held.
const PART: u64 = 1 << 16;

/// What a collector answers: its first line, and what comes behind it.
#[derive(Debug)]
pub(super) struct Answer {
    first: String,
    rest: BufReader<UnixStream>,
}

impl Answer {
    /// The answer to `ask` of the collector whose socket the option names.
    pub(super) fn to(control: &Option<OsString>, ask: &Ask) -> Result<Self, Failure> {
        let mut stream = connect(&Place::of(control.as_deref()))?;
        let asked = stream.write_all(ask.line().as_bytes());
        let answer = asked.and_then(|()| Self::begin(stream));
        let answer = answer.map_err(|error| unreachable(&error))?;
        answer.refused().map_or(Ok(answer), Err)
    }

    fn begin(stream: UnixStream) -> io::Result<Self> {
        let mut rest = BufReader::new(stream);
        let mut first = String::new();
        rest.read_line(&mut first)?;
        Ok(Self { first, rest })
    }

    /// Why it is none.
    fn refused(&self) -> Option<Failure> {
        let answer: Value = serde_json::from_str(&self.first).ok()?;
        let refusal = Refusal::from_name(answer["refused"].as_str()?)?;
        let problem = answer["problem"].as_str().unwrap_or_default();
        Some(Failure::new(refusal.exit(), problem))
    }

    /// How all fare, as its first line says: that of a list leaves the list open.
    pub(super) fn verdict(&self) -> Result<Verdict, Failure> {
        let first = self.first.trim_end();
        let closed = match first.ends_with('[') {
            true => format!("{first}]}}"),
            false => first.to_owned(),
        };
        let document = serde_json::from_str(&closed).map_err(|_| cut_off())?;
        Ok(Verdict::of(&document))
    }

    /// Writes the document of a status to `out` as it comes, as far as somebody reads there.
    pub(super) fn copy(self, out: &mut impl Write) -> Result<(), Failure> {
        let Self { first, mut rest } = self;
        let mut part = first.into_bytes();
        let mut end = Vec::new();
        while !part.is_empty() {
            match out.write_all(&part) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written.map_err(|error| commands::cannot_write(&error))?,
            }
            end.extend_from_slice(&part[part.len().saturating_sub(END.len())..]);
            end.drain(..end.len().saturating_sub(END.len()));
            part.clear();
            let more = rest.by_ref().take(PART).read_to_end(&mut part);
            more.map_err(|error| unreachable(&error))?;
        }
        out.flush().map_err(|error| commands::cannot_write(&error))?;
        if end == END { Ok(()) } else { Err(cut_off()) }
    }

    /// The document of a status.
    pub(super) fn text(self) -> Result<String, Failure> {
        let mut text = Vec::new();
        self.copy(&mut text)?;
        String::from_utf8(text).map_err(|error| unreachable(&error))
    }

    /// What was answered, of whatever kind it is.
    pub(super) fn whole(mut self) -> Result<Value, Failure> {
        let read = self.rest.read_to_string(&mut self.first);
        read.map_err(|error| unreachable(&error))?;
        serde_json::from_str(&self.first).map_err(|_| cut_off())
    }
}

pub(super) fn unreachable(problem: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format_args!("the collector does not answer: {problem}"),
    )
}

fn cut_off() -> Failure {
    unreachable(&"what it says is cut off; it may just have ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// What is made of an answer of these bytes, and what was copied of it.
    fn copied(bytes: &[u8]) -> (Result<(), Failure>, Vec<u8>) {
        let (mut collector, stream) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || collector.write_all(bytes).unwrap());
            let answer = Answer::begin(stream).unwrap();
            answer.verdict().unwrap();
            let mut out = Vec::new();
            (answer.copy(&mut out), out)
        })
    }

    #[test]
    fn a_document_is_whole_only_where_its_end_has_come() {
        let row = "{\"source\":\"a\",\"x\":[{}],\"silence_reason\":\"[x]\"}";
        let many = vec![row; 10_000].join(",\n");
        for whole in [
            format!("{{\"sources\":{{}},\"list\":[\n{row},\n{row}\n]}}\n"),
            "{\"sources\":{},\"list\":[\n]}\n".to_owned(),
            format!("{{\"source\":\"a\",\"history\":[\n{row},\n{row}]}}\n"),
            format!("{{\"sources\":{{}},\"list\":[\n{many}\n]}}\n"),
        ] {
            let (made, out) = copied(whole.as_bytes());
            made.unwrap();
            assert_eq!(out, whole.as_bytes());
            let first = whole.find('\n').unwrap() + 1;
            let ends = (first..whole.len()).rev().take(200);
            for end in ends.chain([first]) {
                let (made, out) = copied(&whole.as_bytes()[..end]);
                let failure = made.unwrap_err();
                assert_eq!(failure.exit, Exit::Unreachable, "{end}");
                assert!(failure.line.contains("cut off"), "{failure}");
                assert_eq!(out, &whole.as_bytes()[..end], "what came is shown");
            }
        }
    }
}
