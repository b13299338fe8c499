//! `/`: all sources, as a page that needs no script.
//!
//! The script of the page asks for the same page again and takes over what has changed, so that each thing is put
//! into words in one place.

use std::fmt::{self, Display, Write};

use beacon_common::{Health, Moment};

use super::html::{Ago, Clock, Escaped, Grouped, InQuery, fill};
use super::respond::{Code, HTML, Head};
use super::routes::Site;
use super::selection::{Selection, Sort, per_million};
use crate::clock;
use crate::outages::Outage;
use crate::output::text::Brief;
use crate::track::event::{Cause, State};
use crate::track::survey::Row;

/// How many sources one page shows.
const SOURCES_A_PAGE: usize = 100;

/// How long after it could listen again a collector says that it could not.
const BLIND_SHOWN_US: u64 = 60_000_000;

const FRAME: &str = include_str!("page.html");

/// A column: what it is sorted by, its heading, and whether a narrow screen leaves it out.
const COLUMNS: [(Sort, &str, bool); 13] = [
    (Sort::Source, "Source", false),
    (Sort::State, "State", false),
    (Sort::Cause, "Cause", true),
    (Sort::Since, "Since", false),
    (Sort::Seen, "Last seen", false),
    (Sort::Due, "Due in", true),
    (Sort::Interval, "Interval", true),
    (Sort::Loss, "Loss", false),
    (Sort::Reordered, "Reordered", true),
    (Sort::Jitter, "Jitter", true),
    (Sort::Address, "Address", true),
    (Sort::Health, "Health", true),
    (Sort::Restarts, "Restarts", true),
];

/// A page around `main`.
pub(super) fn frame(
    (code, title): (Code, &str),
    site: &Site,
    main: impl Fn(&mut String) -> fmt::Result,
) -> (Head, Vec<u8>) {
    let nonce = nonce();
    let wall_us = clock::read().wall_nanos / 1_000;
    let text = fill(FRAME, |name, out| match name {
        "nonce" => out.write_str(&nonce),
        "title" => write!(out, "{}", Escaped(title)),
        "collector" => write!(out, "{}", Escaped(&site.collector)),
        "time" => write!(out, "{}", Clock(wall_us)),
        "banner" => put_banner(site.outages.now(), wall_us, out),
        "main" => main(out),
        _ => Ok(()),
    });
    let mut head = Head::new(code, HTML);
    head.more = format!(
        "Content-Security-Policy: default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n"
    );
    (head, text.into_bytes())
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
    if let Some(mass) = outage.mass {
        write!(
            out,
            "<p>Mass loss: {} of {} live sources are silent. Look at the collector's own network first.</p>",
            Grouped(mass.count),
            Grouped(mass.total)
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

/// The page of the sources that `selection` takes.
pub(super) fn page(site: &Site, selection: &Selection, now: Moment) -> (Head, Vec<u8>) {
    let picture = site.looker.picture();
    let (rows, total) = selection.choose(picture.rows(), SOURCES_A_PAGE);
    frame((Code::Ok, "Beacon"), site, |out| {
        put_counts(&picture.tick.sources, selection, out)?;
        put_search(selection, out)?;
        put_extent(selection, (rows.len(), total), out)?;
        put_head(selection, out)?;
        for row in &rows {
            put_row(row, now, out)?;
        }
        out.push_str("</tbody></table></div>\n");
        put_pages(selection, (rows.len(), total), out)
    })
}

fn put_counts(sources: &[u64; State::ALL.len()], selection: &Selection, out: &mut String) -> fmt::Result {
    out.push_str("<nav id=\"counts\" aria-label=\"Sources by state\">");
    let all = sources.iter().sum();
    let link = |out: &mut String, state: Option<State>, count: u64| {
        let name = state.map_or("all", State::name);
        let to = Selection {
            state,
            from: 0,
            ..selection.clone()
        };
        let current = if state == selection.state {
            " aria-current=\"true\""
        } else {
            ""
        };
        write!(
            out,
            "<a class=\"{name}\" href=\"{}\"{current}><b>{}</b> {name}</a>",
            Link(&to),
            Grouped(count)
        )
    };
    for state in State::WORST_FIRST {
        let place = State::ALL.iter().position(|&other| other == state);
        let count = place.map_or(0, |place| sources[place]);
        if state != State::Unknown || count > 0 {
            link(out, Some(state), count)?;
        }
    }
    link(out, None, all)?;
    out.push_str("</nav>\n");
    Ok(())
}

fn put_search(selection: &Selection, out: &mut String) -> fmt::Result {
    write!(
        out,
        "<form role=\"search\" action=\"/\"><label>Search <input type=\"search\" name=\"q\" value=\"{}\" \
         placeholder=\"label or address\" autocomplete=\"off\"></label>\
         <label>Sort by <select name=\"sort\"><option value=\"worst\">worst first</option>",
        Escaped(&selection.search)
    )?;
    for (sort, heading, _) in COLUMNS {
        let selected = if sort == selection.sort { " selected" } else { "" };
        write!(
            out,
            "<option value=\"{}\"{selected}>{}</option>",
            sort.name(),
            heading.to_lowercase()
        )?;
    }
    out.push_str("</select></label>");
    if let Some(state) = selection.state {
        write!(
            out,
            "<input type=\"hidden\" name=\"state\" value=\"{}\">",
            state.name()
        )?;
    }
    out.push_str("<button>Show</button></form>\n");
    Ok(())
}

fn put_extent(selection: &Selection, (shown, total): (usize, usize), out: &mut String) -> fmt::Result {
    let grouped = |number: usize| Grouped(number as u64);
    match shown {
        0 if total == 0 => out.write_str("<p id=\"extent\">No source is like that.</p>\n"),
        0 => out.write_str("<p id=\"extent\">There are not so many.</p>\n"),
        _ => writeln!(
            out,
            "<p id=\"extent\">{} to {} of {}</p>",
            grouped(selection.from + 1),
            grouped(selection.from + shown),
            grouped(total)
        ),
    }
}

fn put_head(selection: &Selection, out: &mut String) -> fmt::Result {
    out.push_str(
        "<div class=\"table\" role=\"region\" aria-label=\"Sources\" tabindex=\"0\"><table id=\"sources\"><thead><tr>",
    );
    for (sort, heading, is_wide) in COLUMNS {
        let is_by_it = sort == selection.sort;
        let to = Selection {
            sort,
            is_reversed: is_by_it && !selection.is_reversed,
            from: 0,
            ..selection.clone()
        };
        let order = match (is_by_it, selection.is_reversed) {
            (false, _) => "",
            (true, false) => " aria-sort=\"ascending\"",
            (true, true) => " aria-sort=\"descending\"",
        };
        let class = if is_wide { " class=\"wide\"" } else { "" };
        write!(
            out,
            "<th scope=\"col\"{class}{order}><a href=\"{}\">{heading}</a></th>",
            Link(&to)
        )?;
    }
    out.push_str("</tr></thead>\n<tbody id=\"rows\">");
    Ok(())
}

fn put_row(row: &Row, now: Moment, out: &mut String) -> fmt::Result {
    let state = row.state.name();
    let label = Escaped(row.label.as_str());
    let silenced = row.silence.as_ref().map_or("", |_| ", silenced");
    write!(
        out,
        "\n<tr id=\"s-{label}\" class=\"{state}\"><th scope=\"row\"><a href=\"/source/{label}\">{label}</a></th>\
         <td class=\"state\">{state}{silenced}</td><td class=\"wide\">{}</td><td>{}</td><td>{}</td>\
         <td class=\"wide\">{}</td><td class=\"wide\">{}</td><td>{}</td><td class=\"wide\">{}</td>\
         <td class=\"wide\">{}</td><td class=\"wide\">{}</td><td class=\"wide {health}\">{health}</td>\
         <td class=\"wide\">{}</td></tr>",
        row.cause.map_or("", Cause::name),
        Ago { at: row.since, now },
        Seen { row, now },
        Due { row, now },
        Brief(row.interval_ms.into()),
        Loss(row),
        row.tally.reordered,
        Micros(row.jitter_us.into()),
        Address(row),
        row.restarts,
        health = health(row.health),
    )
}

fn put_pages(selection: &Selection, (shown, total): (usize, usize), out: &mut String) -> fmt::Result {
    out.push_str("<nav id=\"pages\" aria-label=\"Pages\">");
    let from = |from| Selection {
        from,
        ..selection.clone()
    };
    if selection.from > 0 {
        let to = from(selection.from.saturating_sub(SOURCES_A_PAGE));
        write!(out, "<a rel=\"prev\" href=\"{}\">Previous</a>", Link(&to))?;
    }
    if selection.from + shown < total && shown > 0 {
        let to = from(selection.from + shown);
        write!(out, "<a rel=\"next\" href=\"{}\">Next</a>", Link(&to))?;
    }
    out.push_str("</nav>\n");
    Ok(())
}

/// Where a selection is shown.
struct Link<'a>(&'a Selection);

impl Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "/?";
        let mut put = |name: &str, value: &dyn Display| {
            let written = write!(f, "{separator}{name}={value}");
            separator = "&amp;";
            written
        };
        if !self.0.search.is_empty() {
            put("q", &InQuery(&self.0.search))?;
        }
        if let Some(state) = self.0.state {
            put("state", &state.name())?;
        }
        if self.0.sort != Sort::Worst {
            put("sort", &self.0.sort.name())?;
        }
        if self.0.is_reversed {
            put("order", &"desc")?;
        }
        if self.0.from > 0 {
            put("from", &self.0.from)?;
        }
        if separator == "/?" {
            f.write_str("/")?;
        }
        Ok(())
    }
}

/// How long ago the newest beat came.
pub(super) struct Seen<'a> {
    pub(super) row: &'a Row,
    pub(super) now: Moment,
}

impl Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, now) = (self.row.arrived, self.now);
        match self.row.is_heard() {
            true => write!(f, "{}", Ago { at, now }),
            false => f.write_str("never"),
        }
    }
}

/// Where the newest beat came from; nothing where there was none.
pub(super) struct Address<'a>(pub(super) &'a Row);

impl Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.0.origin;
        origin.map_or(Ok(()), |origin| write!(f, "{}", Escaped(origin.addr())))
    }
}

/// When the next beat is due; nothing where none is awaited.
pub(super) struct Due<'a> {
    pub(super) row: &'a Row,
    pub(super) now: Moment,
}

impl Display for Due<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(promise) = self.row.promise else {
            return Ok(());
        };
        let (at, now) = (promise.due, self.now);
        match self.row.state {
            State::Up | State::Asleep if at >= now => write!(f, "{}", Ago { at: now, now: at }),
            State::Up | State::Asleep | State::Late => write!(f, "{} over", Ago { at, now }),
            State::Unknown | State::Down | State::Stopped => Ok(()),
        }
    }
}

/// The share of lost beats in those expected.
pub(super) struct Loss<'a>(pub(super) &'a Row);

impl Display for Loss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match per_million(self.0.tally.lost, self.0.tally.expected) {
            0 => f.write_str("0"),
            few @ ..100 => write!(f, "{few} ppm"),
            share => write!(f, "{}.{:02} %", share / 10_000, share / 100 % 100),
        }
    }
}

/// Microseconds in the unit that matters.
pub(super) struct Micros(pub(super) u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ ..1_000 => write!(f, "{us}µs"),
            us @ ..10_000 => write!(f, "{}.{}ms", us / 1_000, us % 1_000 / 100),
            us => write!(f, "{}", Brief(us / 1_000)),
        }
    }
}

/// The name of a health, which is its class too.
pub(super) const fn health(health: Health) -> &'static str {
    health.name()
}

#[cfg(test)]
mod tests;
