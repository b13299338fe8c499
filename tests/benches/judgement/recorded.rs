//! Recorded traces: CSV, gzipped or not, with a head line and the columns `seq,send_us,recv_us`.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::trace::{Beat, Sending, Trace};
use crate::ways::Drawn;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads a trace. The offset between the two clocks is arbitrary; the fastest beat is taken to have needed no
/// time at all, so that detection times lack the least delay of the path, for every detector alike.
pub(crate) fn read(path: &Path) -> io::Result<Trace> {
    let named = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let text = text(path).map_err(|error| named(&error))?;
    let mut sendings = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let sending = parse(line).ok_or_else(|| {
            named(&format_args!(
                "line {}: `{line}` is not `seq,send_us,recv_us`",
                number + 1
            ))
        })?;
        sendings.push(sending);
    }
    let interval_us = interval_us(&sendings).ok_or_else(|| named(&"fewer than two beats in order"))?;
    let arrived = || {
        sendings
            .iter()
            .filter(|sending| !sending.is_lost)
            .map(|sending| sending.beat)
    };
    let least_us = arrived()
        .map(|beat| beat.arrived_us - beat.departed_us)
        .min()
        .unwrap_or(0);
    if arrived().count() < 200 {
        return Err(named(&"fewer than 200 beats arrived: too few to judge by"));
    }
    let mut sent_before_us = u64::MAX;
    for Sending { beat, .. } in &mut sendings {
        beat.is_after_skipped = beat.sent_us.saturating_sub(sent_before_us) >= 2 * interval_us;
        sent_before_us = beat.sent_us;
        beat.departed_us += least_us;
        beat.next_us = interval_us;
    }
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let name = name.trim_end_matches(".gz").trim_end_matches(".csv");
    let ways = Box::new(Drawn::new(&sendings, interval_us));
    Ok(Trace::new(name, interval_us, sendings, ways))
}

fn text(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    let mut text = String::new();
    if bytes.starts_with(&GZIP_MAGIC) {
        MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
    } else {
        bytes.as_slice().read_to_string(&mut text)?;
    }
    Ok(text)
}

fn parse(line: &str) -> Option<Sending> {
    let mut fields = line.split(',').map(str::trim);
    let seq = fields.next()?.parse().ok()?;
    let departed_us: i64 = fields.next()?.parse().ok()?;
    let arrived = fields.next().filter(|arrived| !arrived.is_empty());
    let arrived_us = arrived.map(str::parse).transpose().ok()?;
    let beat = Beat {
        seq,
        is_after_skipped: false,
        sent_us: departed_us as u64,
        next_us: 0,
        departed_us,
        arrived_us: arrived_us.unwrap_or(departed_us),
    };
    Some(Sending {
        beat,
        is_lost: arrived_us.is_none(),
    })
}

/// The median time from one sending to the next, for want of a frame that states it.
fn interval_us(sendings: &[Sending]) -> Option<u64> {
    let mut steps: Vec<u64> = sendings
        .windows(2)
        .filter(|pair| pair[1].beat.seq == pair[0].beat.seq + 1)
        .filter_map(|pair| u64::try_from(pair[1].beat.departed_us - pair[0].beat.departed_us).ok())
        .filter(|step_us| *step_us > 0)
        .collect();
    let middle = steps.len() / 2;
    (!steps.is_empty()).then(|| *steps.select_nth_unstable(middle).1)
}
