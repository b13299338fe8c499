//! What pages are put together from. Whatever a source or a client says goes through [`Escaped`].

use std::fmt::{self, Display, Write};

use beacon_common::Moment;

use crate::output::fields::Time;
use crate::output::text::Brief;

/// Text as it stands in HTML, in an element or in a quoted attribute.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
            let special = part.chars().next_back().and_then(|last| {
                let entity = match last {
                    '&' => "&amp;",
                    '<' => "&lt;",
                    '>' => "&gt;",
                    '"' => "&quot;",
                    '\'' => "&#39;",
                    _ => return None,
                };
                Some((last, entity))
            });
            match special {
                Some((last, entity)) => {
                    self.0.write_str(&part[..part.len() - last.len_utf8()])?;
                    self.0.write_str(entity)?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Text as a value in a query.
pub(super) struct InQuery<'a>(pub(super) &'a str);

impl Display for InQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => f.write_char(byte.into()),
            byte => write!(f, "%{byte:02X}"),
        })
    }
}

/// How long ago something was.
pub(super) struct Ago {
    pub(super) at: Moment,
    pub(super) now: Moment,
}

impl Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.now.since(self.at).as_millis();
        // Tenths of a second would only flicker.
        let ms = if ms >= 10_000 {
            ms / 1_000 * 1_000
        } else {
            ms / 100 * 100
        };
        Brief(u64::try_from(ms).unwrap_or(u64::MAX)).fmt(f)
    }
}

/// A moment for people, in UTC: `2026-11-21 02:30:44Z`.
pub(super) struct Clock(pub(super) u64);

impl Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Time(self.0).to_string();
        let (date, clock) = time.split_once('T').unwrap_or((&time, ""));
        write!(f, "{date} {}Z", clock.get(..8).unwrap_or(clock))
    }
}

/// A number with its thousands apart: `10 000`, by a space that does not break.
pub(super) struct Grouped(pub(super) u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.char_indices() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_char('\u{202f}')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// `template` with each `{{name}}` in it replaced by what `put` writes for the name.
pub(super) fn fill(template: &str, mut put: impl FnMut(&str, &mut String) -> fmt::Result) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, behind) = behind.split_once("}}").unwrap_or((behind, ""));
        put(name, &mut out).expect("a String takes whatever is written to it");
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_becomes_markup() {
        let hostile = "<script>alert('\"&\"')</script>";
        let escaped = "&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;";
        assert_eq!(Escaped(hostile).to_string(), escaped);
        assert_eq!(Escaped("fridge-7 é").to_string(), "fridge-7 é");
        assert_eq!(InQuery("a b&\"é").to_string(), "a%20b%26%22%C3%A9");
    }

    #[test]
    fn what_people_read_is_short() {
        let ago = |ms| {
            Ago {
                at: Moment::ORIGIN,
                now: Moment::ORIGIN.after_ms(ms),
            }
            .to_string()
        };
        assert_eq!([ago(80), ago(9_990), ago(12_345)], ["0ms", "9.9s", "12s"]);
        assert_eq!(Clock(1_795_224_600_123_456).to_string(), "2026-11-21 01:30:00Z");
        let grouped = [0, 999, 1_000, 1_234_567].map(|number| Grouped(number).to_string());
        assert_eq!(grouped, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn a_template_is_filled_once() {
        let filled = fill("<{{a}}-{{b}}>", |name, out| {
            out.push_str(if name == "a" { "{{b}}" } else { "2" });
            Ok(())
        });
        assert_eq!(filled, "<{{b}}-2>");
    }
}
