//! What is around every page: its title and icon, the banner, the style and the script.
//!
//! The script asks for the same page again and takes over what has changed, so that each thing is put into words in one
//! place. Links are relative: the page may stand below any path of a proxy.

use std::fmt::{self, Write};

use super::html::{Clock, Escaped, Grouped, fill};
use super::respond::{Code, HTML, Head};
use super::routes::Site;
use crate::clock;
use crate::outages::Outage;
use crate::output::text::Brief;

const TEMPLATE: &str = include_str!("page/frame.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/live.js");

/// How long after it could listen again a collector says that it could not.
const BLIND_SHOWN_US: u64 = 60_000_000;

/// A page without its main part.
pub(super) struct Frame {
    pub(super) code: Code,
    pub(super) title: String,
    pub(super) grade: Grade,
    /// Where the page of all sources is, from here.
    pub(super) root: &'static str,
}

/// How well what a page shows is: the shape and colour of its icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Well,
    /// Somebody should look soon.
    Worse,
    /// Somebody has to look.
    Worst,
}

impl Grade {
    /// A picture in SVG, as it stands in a data URI in an attribute.
    const fn icon(self) -> &'static str {
        match self {
            Self::Well => {
                "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle fill='%231f8a43' cx='4' cy='4' \
                 r='3'/%3E%3C/svg%3E"
            }
            Self::Worse => {
                "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Cpath fill='%23d98a00' d='M4 0l4 8H0z'/%3E\
                 %3C/svg%3E"
            }
            Self::Worst => {
                "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Cpath fill='%23d3262c' d='M0 0h8v8H0z'/%3E\
                 %3C/svg%3E"
            }
        }
    }
}

impl Frame {
    /// The page with the main part that `main` writes.
    pub(super) fn around(&self, site: &Site, main: impl Fn(&mut String) -> fmt::Result) -> (Head, Vec<u8>) {
        let nonce = nonce();
        let wall_us = clock::read().wall_nanos / 1_000;
        let text = fill(TEMPLATE, |name, out| match name {
            "nonce" => out.write_str(&nonce),
            "title" => write!(out, "{}", Escaped(&self.title)),
            "icon" => out.write_str(self.grade.icon()),
            "style" => out.write_str(STYLE),
            "script" => out.write_str(SCRIPT),
            "root" => out.write_str(self.root),
            "collector" => write!(out, "{}", Escaped(&site.collector)),
            "time" => write!(out, "{}", Clock(wall_us)),
            "banner" => put_banner(site.outages.now(), wall_us, out),
            "main" => main(out),
            _ => Ok(()),
        });
        let mut head = Head::new(self.code, HTML);
        head.more = format!(
            "Content-Security-Policy: default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n"
        );
        (head, text.into_bytes())
    }
}

/// A number that nobody can guess: only the page's own script and style have it.
fn nonce() -> String {
    let mut bytes = [0; 16];
    if let Err(error) = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        log::warn!("no random bytes for a page: {error}");
    }
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What everybody has to know before anything else.
fn put_banner(outage: Outage, wall_us: u64, out: &mut String) -> fmt::Result {
    if let Some(loss) = outage.mass {
        write!(
            out,
            "<p>Mass loss: {} of {} live sources fell silent at {}. Look at the collector's own network first.</p>",
            Grouped(loss.mass.count),
            Grouped(loss.mass.total),
            Clock(loss.begun_us)
        )?;
    }
    match outage.blind {
        Some(blind) if wall_us.saturating_sub(blind.until_us) < BLIND_SHOWN_US => write!(
            out,
            "<p>The collector itself was blind ({}) for {} until {}. Every deadline was put off by that time.</p>",
            blind.cause.name(),
            Brief(u64::try_from(blind.lasted.as_millis()).unwrap_or(u64::MAX)),
            Clock(blind.until_us)
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outages::MassLoss;
    use crate::track::event::Mass;

    #[test]
    fn a_nonce_is_used_once() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 32);
    }

    #[test]
    fn the_banner_says_what_it_counts() {
        let loss = MassLoss {
            begun_us: 1_795_224_600_123_456,
            mass: Mass { count: 6, total: 12 },
        };
        let outage = Outage {
            mass: Some(loss),
            ..Outage::default()
        };
        let mut banner = String::new();
        put_banner(outage, loss.begun_us, &mut banner).unwrap();
        assert!(
            banner.contains("6 of 12 live sources fell silent at 2026-11-21 01:30:00Z."),
            "{banner}"
        );
    }
}
