//! What a client asks for: read by `httparse`, and no more of it than the answers need.

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Status};

use super::limits::{MAX_HEAD, MAX_HEADERS};

/// A request that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Whether the head of the answer is all that is wanted.
    pub(super) is_head: bool,
    /// The path, percent-decoded.
    pub(super) path: String,
    /// The query, each name and value decoded.
    pub(super) query: Vec<(String, String)>,
    /// The name by which the client means to reach the server, as it wrote it.
    pub(super) host: Option<String>,
    /// The media types that the client takes, as it wrote them.
    pub(super) accept: String,
    /// The last line that the client has seen.
    pub(super) last_event_id: Option<u64>,
    /// Whether the connection is to be kept for more requests.
    pub(super) keep_alive: bool,
}

/// Why a request is not answered, as a status code with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not HTTP, or not as it should be.
    Malformed,
    /// Only GET and HEAD are.
    Method,
    /// There is something behind its head.
    Body,
    /// Its head is too long.
    TooLarge,
}

/// The request at the beginning of `bytes`, with its length; `None` where it is not complete.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(_) => return Err(Refusal::Malformed),
    };
    let is_head = match parsed.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Refusal::Method),
    };
    let target = parsed.path.filter(|target| target.starts_with('/'));
    let (path, query) = split(target.ok_or(Refusal::Malformed)?);
    let mut request = Request {
        is_head,
        path: decode(path, false).ok_or(Refusal::Malformed)?.into_owned(),
        query: pairs(query)?,
        host: None,
        accept: String::new(),
        last_event_id: None,
        keep_alive: parsed.version == Some(1),
    };
    for header in parsed.headers.iter() {
        request.take(header.name, String::from_utf8_lossy(header.value).trim())?;
    }
    // HTTP/1.1 demands it (RFC 9112, section 3.2).
    if parsed.version == Some(1) && request.host.is_none() {
        return Err(Refusal::Malformed);
    }
    Ok(Some((request, length)))
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

impl Request {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name.to_ascii_lowercase().as_str() {
            "accept" => {
                self.accept.push_str(value);
                self.accept.push(',');
            }
            // Whoever passes it on might go by the other (RFC 9112, section 3.2).
            "host" if self.host.is_some() => return Err(Refusal::Malformed),
            "host" => self.host = Some(value.to_owned()),
            "last-event-id" => self.last_event_id = value.parse().ok(),
            "connection" => {
                for word in value.split(',').map(str::trim) {
                    if word.eq_ignore_ascii_case("close") {
                        self.keep_alive = false;
                    }
                }
            }
            "content-length" if value == "0" => {}
            "content-length" | "transfer-encoding" => return Err(Refusal::Body),
            _ => {}
        }
        Ok(())
    }

    /// The value that the query gives `name`, if any.
    pub(super) fn asks(&self, name: &str) -> Option<&str> {
        let named = self.query.iter().find(|(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let decode = |text| decode(text, true).map(Cow::into_owned).ok_or(Refusal::Malformed);
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Percent-decodes `text`, in a form with `+` for a space; `None` where that gives no text.
fn decode(text: &str, is_form: bool) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match byte {
            b'+' if is_form => b' ',
            b'%' => {
                let (digits, behind) = rest.split_at_checked(2)?;
                rest = behind;
                let value = |digit: u8| char::from(digit).to_digit(16);
                let byte = value(digits[0])? << 4 | value(digits[1])?;
                byte as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        let (request, length) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(length, text.len());
        request
    }

    #[test]
    fn what_is_asked_for_is_decoded() {
        let asked = request("GET /source/a%2Db?q=a+b%26&sort=&q=c HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(
            (asked.path.as_str(), asked.host.as_deref()),
            ("/source/a-b", Some("x"))
        );
        assert_eq!(asked.asks("q"), Some("a b&"));
        assert_eq!((asked.asks("sort"), asked.asks("state")), (Some(""), None));
        assert!(asked.keep_alive && !asked.is_head);
    }

    #[test]
    fn headers_say_how_to_answer() {
        let asked = request(
            "HEAD / HTTP/1.1\r\nHost: x\r\nACCEPT: a\r\nAccept: b\r\nLast-Event-ID: 17\r\nconnection: x, Close\r\n\r\n",
        );
        assert_eq!((asked.accept.as_str(), asked.last_event_id), ("a,b,", Some(17)));
        assert!(asked.is_head && !asked.keep_alive);
        assert!(!request("GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert_eq!(
            request("GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: x\r\n\r\n").last_event_id,
            None
        );
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_its_reason() {
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for (text, refusal) in [
            ("\u{16}\u{3}\u{1}\r\n\r\n", Refusal::Malformed),
            ("GET example HTTP/1.0\r\n\r\n", Refusal::Malformed),
            ("GET /% HTTP/1.0\r\n\r\n", Refusal::Malformed),
            ("GET /?%ff HTTP/1.0\r\n\r\n", Refusal::Malformed),
            ("GET /%+1 HTTP/1.0\r\n\r\n", Refusal::Malformed),
            ("GET / HTTP/2.0\r\n\r\n", Refusal::Malformed),
            ("GET / HTTP/1.1\r\n\r\n", Refusal::Malformed),
            ("GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", Refusal::Malformed),
            ("POST / HTTP/1.1\r\n\r\n", Refusal::Method),
            ("GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", Refusal::Body),
            (
                "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Refusal::Body,
            ),
            (&long, Refusal::TooLarge),
            (&many, Refusal::TooLarge),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(refusal), "{text:?}");
        }
    }

    #[test]
    fn a_request_that_is_not_complete_is_waited_for() {
        let text = "GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..end]), Ok(None), "{end}");
        }
    }
}
