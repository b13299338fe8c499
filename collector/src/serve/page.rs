//! `/`: all sources, as a page that needs no script.

use std::fmt::{self, Display, Write};

use beacon_common::Moment;

use super::cells::{Address, Classes, Due, Loss, Micros, Seen, Standing};
use super::frame::{Frame, Grade};
use super::html::{Ago, Escaped, Grouped, InQuery};
use super::respond::{Code, Head};
use super::routes::Site;
use super::selection::{Census, Selection, Sort};
use crate::output::text::Brief;
use crate::track::event::{Cause, State};
use crate::track::survey::Row;

/// How many sources one page shows.
const SOURCES_A_PAGE: usize = 100;

/// A column: what it is sorted by, its heading, and its classes: `widest`, `group`, `wide` and `medium` are left out on
/// narrower screens.
struct Column(Sort, &'static str, &'static str);

const COLUMNS: [Column; 14] = [
    Column(Sort::Source, "Source", "source"),
    Column(Sort::Group, "Group", "group"),
    Column(Sort::State, "State", "state"),
    Column(Sort::Cause, "Cause", "cause wide"),
    Column(Sort::Since, "Since", "number"),
    Column(Sort::Seen, "Last seen", "number medium"),
    Column(Sort::Due, "Due in", "number wide"),
    Column(Sort::Interval, "Interval", "number wide"),
    Column(Sort::Loss, "Loss", "number medium"),
    Column(Sort::Reordered, "Reordered", "number widest"),
    Column(Sort::Jitter, "Jitter", "number widest"),
    Column(Sort::Address, "Address", "address wide"),
    Column(Sort::Health, "Health", "health wide"),
    Column(Sort::Restarts, "Restarts", "number widest"),
];

/// The columns that are shown: that of the groups is left out where no source has one, unless it is asked for.
fn columns(has_groups: bool, selection: &Selection) -> impl Iterator<Item = Column> {
    let without = !has_groups && selection.sort != Sort::Group;
    COLUMNS
        .into_iter()
        .filter(move |column| !without || column.0 != Sort::Group)
}

/// The page of the sources that `selection` takes.
pub(super) fn page(site: &Site, selection: &Selection, now: Moment) -> (Head, Vec<u8>) {
    let picture = site.looker.picture();
    let chosen = selection.choose(picture.rows(), SOURCES_A_PAGE);
    let (extent, all) = (
        (chosen.rows.len(), chosen.total),
        picture.tick.sources.iter().sum(),
    );
    let columns: Vec<_> = columns(chosen.has_groups, selection).collect();
    let (title, grade) = alarm(&chosen.found);
    let frame = Frame {
        code: Code::Ok,
        title,
        grade,
        root: "./",
    };
    frame.around(site, |out| {
        put_counts(&chosen.found, selection, out)?;
        put_search(selection, &columns, out)?;
        put_extent(selection, extent, all, out)?;
        put_head(selection, &columns, out)?;
        for row in &chosen.rows {
            put_row(row, &columns, now, out)?;
        }
        out.push_str("</tbody></table></div>\n");
        put_pages(selection, extent, out)
    })
}

/// What the title says, and how bad that is. What the operator has silenced does not call anybody.
fn alarm(found: &Census) -> (String, Grade) {
    let calling = |state| {
        let place = State::ALL.iter().position(|&other| other == state);
        place.map_or(0, |place| found.sources[place] - found.silenced[place])
    };
    let worst = [
        (calling(State::Down), "down", Grade::Worst),
        (calling(State::Late), "late", Grade::Worse),
        (found.critical, "critical", Grade::Worse),
    ];
    match worst.into_iter().find(|&(count, ..)| count > 0) {
        Some((count, what, grade)) => (format!("({} {what}) Beacon", Grouped(count)), grade),
        None => ("Beacon".to_owned(), Grade::Well),
    }
}

fn put_counts(found: &Census, selection: &Selection, out: &mut String) -> fmt::Result {
    out.push_str("<nav id=\"counts\" aria-label=\"Sources by state\">");
    let mut link = |state: Option<State>, count: u64, silenced: u64| {
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
        let none = if count == 0 { " none" } else { "" };
        let (to, count) = (Link(&to), Grouped(count));
        write!(
            out,
            "<a class=\"{name}{none}\" href=\"{to}\"{current}><b>{count}</b> {name}"
        )?;
        if silenced > 0 {
            write!(out, " <small>{} silenced</small>", Grouped(silenced))?;
        }
        out.write_str("</a>")
    };
    for state in State::WORST_FIRST {
        let place = State::ALL.iter().position(|&other| other == state);
        let (count, silenced) = place.map_or((0, 0), |place| (found.sources[place], found.silenced[place]));
        if state != State::Unknown || count > 0 {
            link(Some(state), count, silenced)?;
        }
    }
    link(None, found.sources.iter().sum(), 0)?;
    out.push_str("</nav>\n");
    Ok(())
}

fn put_search(selection: &Selection, columns: &[Column], out: &mut String) -> fmt::Result {
    write!(
        out,
        "<form role=\"search\" action=\"./\"><label><span>Search</span> <input type=\"search\" name=\"q\" value=\"{}\" \
         placeholder=\"label, address or group\" autocomplete=\"off\"></label>\
         <label><span>Sort by</span> <select name=\"sort\"><option value=\"worst\">worst first</option>",
        Escaped(&selection.search)
    )?;
    for &Column(sort, heading, _) in columns {
        let selected = if sort == selection.sort { " selected" } else { "" };
        write!(
            out,
            "<option value=\"{}\"{selected}>{}</option>",
            sort.name(),
            heading.to_lowercase()
        )?;
    }
    out.push_str("</select></label>");
    if let Some(group) = &selection.group {
        write!(
            out,
            "<label><span>Group</span> <input name=\"group\" value=\"{}\"></label>",
            Escaped(group)
        )?;
    }
    let kept = [
        ("state", selection.state.map(State::name)),
        ("order", order(selection)),
    ];
    for (name, value) in kept {
        if let Some(value) = value {
            write!(out, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")?;
        }
    }
    out.push_str("<button>Show</button></form>\n");
    Ok(())
}

fn put_extent(
    selection: &Selection,
    (shown, total): (usize, usize),
    all: u64,
    out: &mut String,
) -> fmt::Result {
    let grouped = |number: usize| Grouped(number as u64);
    let (first, last) = (selection.from + 1, selection.from + shown);
    out.push_str("<p id=\"extent\">");
    match shown {
        0 if all == 0 => out.push_str("No source has been heard yet"),
        0 if total == 0 => out.push_str("No source is like that"),
        0 => out.push_str("There are not so many"),
        _ => write!(
            out,
            "{} to {} of {}",
            grouped(first),
            grouped(last),
            grouped(total)
        )?,
    }
    if !selection.search.is_empty() {
        let search = Escaped(&selection.search);
        write!(out, " with “{search}”, of {} in all", Grouped(all))?;
    }
    out.push_str("</p>\n");
    Ok(())
}

fn put_head(selection: &Selection, columns: &[Column], out: &mut String) -> fmt::Result {
    out.push_str("<div class=\"table\"><table id=\"sources\"><thead><tr>");
    for &Column(sort, heading, class) in columns {
        let is_by_it = sort == selection.sort;
        let to = Selection {
            sort,
            is_reversed: is_by_it && !selection.is_reversed,
            from: 0,
            ..selection.clone()
        };
        let direction = match (is_by_it, selection.is_descending()) {
            (false, _) => "",
            (true, false) => " aria-sort=\"ascending\"",
            (true, true) => " aria-sort=\"descending\"",
        };
        write!(
            out,
            "<th scope=\"col\" class=\"{class}\"{direction}><a href=\"{}\">{heading}</a></th>",
            Link(&to)
        )?;
    }
    out.push_str("</tr></thead>\n<tbody id=\"rows\">");
    Ok(())
}

fn put_row(row: &Row, columns: &[Column], now: Moment, out: &mut String) -> fmt::Result {
    let label = Escaped(row.label.as_str());
    write!(out, "\n<tr id=\"s-{label}\" class=\"{}\">", Classes(row))?;
    for &Column(sort, _, class) in columns {
        if sort == Sort::Source {
            write!(
                out,
                "<th scope=\"row\"><a href=\"source/{label}\">{label}</a></th>"
            )?;
        } else {
            write!(out, "<td class=\"{class}\">")?;
            put_cell(sort, row, now, out)?;
            out.push_str("</td>");
        }
    }
    out.push_str("</tr>");
    Ok(())
}

fn put_cell(column: Sort, row: &Row, now: Moment, out: &mut String) -> fmt::Result {
    match column {
        Sort::Group => write!(out, "{}", Escaped(row.group.as_deref().unwrap_or_default())),
        Sort::State => write!(out, "{}", Standing(row)),
        Sort::Cause => out.write_str(row.cause.map_or("", Cause::name)),
        Sort::Since => write!(out, "{}", Ago { at: row.since, now }),
        Sort::Seen => write!(out, "{}", Seen { row, now }),
        Sort::Due => write!(out, "{}", Due { row, now }),
        Sort::Address => write!(out, "{}", Address(row)),
        Sort::Worst | Sort::Source => Ok(()),
        // What only beats tell.
        _ if !row.is_heard() => Ok(()),
        Sort::Interval => write!(out, "{}", Brief(row.interval_ms.into())),
        Sort::Loss => write!(out, "{}", Loss(row)),
        Sort::Reordered => write!(out, "{}", row.tally.reordered),
        Sort::Jitter => write!(out, "{}", Micros(row.jitter_us.into())),
        Sort::Health => out.write_str(row.health.name()),
        Sort::Restarts => write!(out, "{}", row.restarts),
    }
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

/// The order that a query asks for, where it is not the one that the column begins with.
fn order(selection: &Selection) -> Option<&'static str> {
    let order = if selection.is_descending() { "desc" } else { "asc" };
    selection.is_reversed.then_some(order)
}

/// Where a selection is shown.
struct Link<'a>(&'a Selection);

impl Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "?";
        let mut put = |name: &str, value: &dyn Display| {
            let written = write!(f, "{separator}{name}={value}");
            separator = "&amp;";
            written
        };
        if !self.0.search.is_empty() {
            put("q", &InQuery(&self.0.search))?;
        }
        if let Some(group) = &self.0.group {
            put("group", &InQuery(group))?;
        }
        if let Some(state) = self.0.state {
            put("state", &state.name())?;
        }
        if self.0.sort != Sort::Worst {
            put("sort", &self.0.sort.name())?;
        }
        if let Some(order) = order(self.0) {
            put("order", &order)?;
        }
        if self.0.from > 0 {
            put("from", &self.0.from)?;
        }
        if separator == "?" {
            f.write_str("./")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
