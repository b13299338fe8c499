//! Answers as they go over the wire: status line, headers, and where the body ends.

use std::fmt::Write;

use super::request::Refusal;

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    ContentTooLarge,
    Misdirected,
    HeaderTooLarge,
    Unavailable,
}

impl Code {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::Misdirected => "421 Misdirected Request",
            Self::HeaderTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

/// An answer without the length of its body.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) code: Code,
    pub(super) content_type: &'static str,
    /// Further header lines, each with its end.
    pub(super) more: String,
}

/// What every answer says: it is of this moment, it is what it says it is, and where it leads to is not to hear of it.
const ALWAYS: &str =
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const EVENTS: &str = "text/event-stream";

impl Head {
    pub(super) const fn new(code: Code, content_type: &'static str) -> Self {
        Self {
            code,
            content_type,
            more: String::new(),
        }
    }

    /// The head as it is sent. A body of no known `length` ends with the connection (RFC 9112, section 6.3).
    pub(super) fn emit(&self, length: Option<usize>, keep_alive: bool) -> Vec<u8> {
        let mut out = String::with_capacity(512);
        let connection = if keep_alive && length.is_some() {
            "keep-alive"
        } else {
            "close"
        };
        write!(
            out,
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nConnection: {connection}\r\n",
            self.code.line(),
            self.content_type
        )
        .expect("a String takes whatever is written to it");
        out.push_str(ALWAYS);
        out.push_str(&self.more);
        if let Some(length) = length {
            write!(out, "Content-Length: {length}\r\n").expect("a String takes whatever is written to it");
        }
        out.push_str("\r\n");
        out.into_bytes()
    }
}

/// One line that says why, for people.
pub(super) fn plain(code: Code, line: &str) -> (Head, Vec<u8>) {
    (Head::new(code, TEXT), format!("{line}\n").into_bytes())
}

/// The answer to what is refused.
pub(super) fn refuse(refusal: Refusal) -> (Head, Vec<u8>) {
    match refusal {
        Refusal::Malformed => plain(Code::BadRequest, "this is not a request that can be read"),
        Refusal::Method => {
            let (mut head, body) = plain(Code::MethodNotAllowed, "there is only GET and HEAD here");
            head.more = "Allow: GET, HEAD\r\n".to_owned();
            (head, body)
        }
        Refusal::Body => plain(Code::ContentTooLarge, "a request here has no body"),
        Refusal::TooLarge => plain(
            Code::HeaderTooLarge,
            "the head of a request may have 8 KiB and 64 headers",
        ),
    }
}
