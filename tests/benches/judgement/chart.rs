//! The curves of one trace as a picture: mistakes a day over mean detection time, and the 99th percentile of the
//! detection time over mistakes a day.

use std::fmt::Write;

use crate::curve::{Curve, smoothed};
use crate::quality::Quality;
use crate::trace::Trace;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 60.0;

/// What a panel has between its margins.
const ACROSS: f64 = WIDTH - 2.0 * MARGIN;
const UP: f64 = HEIGHT - 2.0 * MARGIN;

/// The width of a detector's line and name in the legend.
const LEGEND: f64 = 130.0;

/// How each curve is drawn: our own broad and below the others, which are dashed where they often lie upon one another.
const STROKES: [&str; 7] = [
    "stroke='#d00000' stroke-width='5' stroke-opacity='0.6'",
    "stroke='#202020' stroke-width='1.5'",
    "stroke='#0060c0' stroke-width='1.5'",
    "stroke='#008040' stroke-width='1.5'",
    "stroke='#a05000' stroke-width='1.5' stroke-dasharray='8 3'",
    "stroke='#d09000' stroke-width='1.5' stroke-dasharray='5 5'",
    "stroke='#8030b0' stroke-width='1.5' stroke-dasharray='2 3'",
];

/// An axis from a value to another, with a logarithmic scale where it is one of mistakes.
struct Axis {
    title: &'static str,
    low: f64,
    high: f64,
    is_logarithmic: bool,
}

impl Axis {
    fn over(title: &'static str, values: impl Iterator<Item = f64> + Clone, is_logarithmic: bool) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        if is_logarithmic {
            Self {
                title,
                low: low.log10().floor(),
                high: (high * 1.001).log10().ceil(),
                is_logarithmic,
            }
        } else {
            Self {
                title,
                low: low.floor(),
                high: high.ceil().min(low.floor() + 9.0),
                is_logarithmic,
            }
        }
    }

    /// Where a value lies, from 0 to 1, or beyond the axis.
    fn place(&self, value: f64) -> f64 {
        let value = if self.is_logarithmic { value.log10() } else { value };
        (value - self.low) / (self.high - self.low).max(1e-9)
    }

    /// Its marks: where they lie, and what they say.
    fn marks(&self) -> impl Iterator<Item = (f64, String)> {
        (self.low as i32..=self.high as i32).map(|mark| {
            let value = if self.is_logarithmic {
                10_f64.powi(mark)
            } else {
                f64::from(mark)
            };
            (self.place(value), format!("{value}"))
        })
    }
}

/// Draws both panels.
pub(crate) fn svg(trace: &Trace, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().flatten());
    let a_day = |point: &Quality| smoothed(point.mistakes) / trace.days();
    let mean = |point: &Quality| point.mean;
    let p99 = |point: &Quality| point.p99;
    let mut picture = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='{}' font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' fill='white'/>\n<text x='{MARGIN}' y='20' font-size='15'>{}</text>\n",
        2.0 * (WIDTH + 10.0),
        HEIGHT + 30.0,
        trace.name
    );
    let means = Axis::over("mean detection time, intervals", points().map(mean), false);
    let mistakes = Axis::over("mistakes a day", points().map(a_day), true);
    let tails = Axis::over("p99 of detection time, intervals", points().map(p99), false);
    panel(&mut picture, 0.0, [&means, &mistakes], curves, |point| {
        [mean(point), a_day(point)]
    });
    panel(&mut picture, WIDTH, [&mistakes, &tails], curves, |point| {
        [a_day(point), p99(point)]
    });
    for (curve, (number, stroke)) in curves.iter().zip((0..).zip(STROKES)) {
        let x = MARGIN + 120.0 + f64::from(number) * LEGEND;
        // A picture is written to a string, which does not fail.
        let _ = writeln!(
            picture,
            "<path d='M{x} 16h24' {stroke}/><text x='{}' y='20'>{}</text>",
            x + 30.0,
            curve.name
        );
    }
    picture + "</svg>\n"
}

fn panel(
    picture: &mut String,
    left: f64,
    [across, up]: [&Axis; 2],
    curves: &[Curve],
    values: impl Fn(&Quality) -> [f64; 2],
) {
    let x = |part: f64| left + MARGIN + part * ACROSS;
    let y = |part: f64| HEIGHT - MARGIN + 20.0 - part * UP;
    let (low, high) = (y(0.0), y(1.0));
    for (part, text) in across.marks() {
        let x = x(part);
        let _ = writeln!(
            picture,
            "<path d='M{x:.1} {low:.1}V{high:.1}' stroke='#ddd'/>\
             <text x='{x:.1}' y='{:.1}' text-anchor='middle'>{text}</text>",
            low + 18.0
        );
    }
    for (part, text) in up.marks() {
        let (y, first, last) = (y(part), x(0.0), x(1.0));
        let _ = writeln!(
            picture,
            "<path d='M{first:.1} {y:.1}H{last:.1}' stroke='#ddd'/>\
             <text x='{:.1}' y='{:.1}' text-anchor='end'>{text}</text>",
            first - 6.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        picture,
        "<text x='{:.1}' y='{:.1}' text-anchor='middle'>{}</text>\
         <text x='{:.1}' y='{:.1}'>{}</text>",
        x(0.5),
        low + 40.0,
        across.title,
        x(0.0),
        high - 8.0,
        up.title
    );
    // What lies beyond an axis is cut off.
    let _ = writeln!(
        picture,
        "<svg x='{:.1}' y='{high:.1}' width='{ACROSS}' height='{UP}'>",
        x(0.0)
    );
    lines(picture, [across, up], curves, values);
    picture.push_str("</svg>\n");
}

/// Draws the curves within their panel, with a gap where a detector has no threshold.
fn lines(
    picture: &mut String,
    [across, up]: [&Axis; 2],
    curves: &[Curve],
    values: impl Fn(&Quality) -> [f64; 2],
) {
    for (curve, stroke) in curves.iter().zip(STROKES) {
        let (mut path, mut pen) = (String::new(), 'M');
        for point in &curve.points {
            let Some(point) = point else {
                pen = 'M';
                continue;
            };
            let [horizontal, vertical] = values(point);
            let (x, y) = (across.place(horizontal), 1.0 - up.place(vertical));
            let _ = write!(path, "{pen}{:.1},{:.1}", x * ACROSS, y * UP);
            pen = 'L';
        }
        let _ = writeln!(picture, "<path d='{path}' fill='none' {stroke}/>");
    }
}
