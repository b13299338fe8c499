//! In which of the two text formats metrics are told: OpenMetrics 1.0 to those who ask for it, and else the classic
//! one of Prometheus (0.0.4), which is the same but for the names that it declares.

use super::metrics::{FAMILIES, Kind, Metric};

/// A text format for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposition {
    Classic,
    OpenMetrics,
}

impl Exposition {
    /// The one that a client takes that sends `accept`.
    pub(super) fn accepted(accept: &str) -> Self {
        let is_wanted = |range: &str| {
            let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
            let is_refused =
                |parameter: &str| matches!(parameter.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            media.trim().eq_ignore_ascii_case("application/openmetrics-text")
                && !parameters.split(';').any(is_refused)
        };
        match accept.split(',').any(is_wanted) {
            true => Self::OpenMetrics,
            false => Self::Classic,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Turns the OpenMetrics `text` into this format.
    pub(super) fn of_open_metrics(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Classic => text.split_inclusive('\n').map(classic).collect(),
        }
    }
}

/// A line of OpenMetrics as the classic format has it. That declares the name that a counter's samples have, knows
/// no units, and no end.
fn classic(line: &str) -> String {
    let Some(declaration) = line.strip_prefix("# ") else {
        return line.to_owned();
    };
    let (keyword, rest) = declaration.split_once(' ').unwrap_or((declaration, ""));
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_it = |metric: &&Metric| metric.family_name() == name;
    let metric = FAMILIES.iter().find(is_it);
    let suffix = metric.map_or("", Metric::suffix);
    match (keyword, metric.map(|metric| metric.kind)) {
        ("HELP", _) => format!("# HELP {name}{suffix} {rest}"),
        ("TYPE", Some(Kind::Info)) => format!("# TYPE {name}{suffix} gauge\n"),
        ("TYPE", _) => format!("# TYPE {name}{suffix} {rest}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        for (accept, exposition) in [
            ("", Exposition::Classic),
            ("*/*", Exposition::Classic),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Exposition::Classic),
            (
                "application/openmetrics-text;version=1.0.0;q=0",
                Exposition::Classic,
            ),
            (
                "text/html, Application/OpenMetrics-Text; version=1.0.0; q=0.8",
                Exposition::OpenMetrics,
            ),
            ("application/openmetrics-text", Exposition::OpenMetrics),
        ] {
            assert_eq!(Exposition::accepted(accept), exposition, "{accept}");
        }
    }

    #[test]
    fn the_classic_format_declares_what_samples_are_called() {
        let text = "# HELP beacon_blind_seconds Time.\n# TYPE beacon_blind_seconds counter\n\
                    # UNIT beacon_blind_seconds seconds\nbeacon_blind_seconds_total 1\n\
                    # TYPE beacon_build info\nbeacon_build_info{version=\"1\"} 1\n\
                    # TYPE beacon_sources gauge\n# EOF\n";
        let classic = "# HELP beacon_blind_seconds_total Time.\n# TYPE beacon_blind_seconds_total counter\n\
                       beacon_blind_seconds_total 1\n\
                       # TYPE beacon_build_info gauge\nbeacon_build_info{version=\"1\"} 1\n\
                       # TYPE beacon_sources gauge\n";
        assert_eq!(Exposition::Classic.of_open_metrics(text.to_owned()), classic);
        assert_eq!(Exposition::OpenMetrics.of_open_metrics(text.to_owned()), text);
    }
}
