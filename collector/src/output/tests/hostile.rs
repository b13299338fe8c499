//! Names that try to end a line, a value or a quotation early.

use super::*;
use crate::output::escape::is_unsafe;
use proptest::prelude::*;

/// How each format writes this collector name.
fn written(name: &str) -> [String; 4] {
    Format::ALL.map(|format| line(format, name, What::Gap { dropped: 7 }))
}

#[test]
fn quotes_spaces_and_line_ends_stay_inside_the_name() {
    let [json, text, logfmt, influx] = written("a \"b\"\n=,\\\x1b[31m\u{85}\u{2028}\u{2029}\u{e9}");
    let (escaped, id) = (
        r#""a \"b\"\n=,\\\u001b[31m\u0085\u2028\u2029é""#,
        "{\"v\":1,\"id\":1,",
    );
    assert_eq!(
        json,
        format!(
            r#"{id}"time":"2026-11-21T01:30:00.123456Z","event":"gap","collector":{escaped},"dropped":7}}"#
        )
    );
    let columns = "2026-11-21 01:30:00.123Z  GAP        ";
    assert_eq!(
        text,
        format!(r#"{columns}a "b"\u{{a}}=,\\u{{1b}}[31m\u{{85}}\u{{2028}}\u{{2029}}é  lines dropped 7"#)
    );
    assert_eq!(
        logfmt,
        format!("v=1 id=1 time=2026-11-21T01:30:00.123456Z event=gap collector={escaped} dropped=7")
    );
    let tag = r#"a\ "b"_\=\,__[31m___é"#;
    assert_eq!(
        influx,
        format!("beacon_collector,event=gap,collector={tag} v=1i,id=1i,dropped=7i 1795224600123456000")
    );
}

#[test]
fn a_value_ends_where_its_format_ends_it() {
    let [_, _, bare, _] = written("attic");
    assert!(bare.ends_with(" collector=attic dropped=7"), "{bare}");
    for name in ["a b", "a=b", "a\"b", "a\\b", "\u{a0}"] {
        let [_, _, quoted, influx] = written(name);
        assert!(quoted.ends_with("\" dropped=7"), "{quoted}");
        // InfluxDB takes a backslash before the space for an escape, whatever stands before it.
        let [_, _, _, ends] = written(&format!("{name}\\"));
        assert!(ends.contains("_ v=1i") && influx.contains(" v=1i"), "{ends}");
    }
}

proptest! {
    #[test]
    fn any_name_is_one_line_and_comes_back_from_json(name in any::<String>()) {
        for line in written(&name) {
            prop_assert!(!line.contains(is_unsafe), "{:?}", line);
        }
        let parsed = json(&name, What::Gap { dropped: 7 });
        prop_assert_eq!(parsed["collector"].as_str(), Some(&*name));
    }

    /// The reader's side of logfmt: a quoted value is a JSON string.
    #[test]
    fn any_name_comes_back_from_logfmt(name in any::<String>()) {
        let line = line(Format::Logfmt, &name, What::Gap { dropped: 7 });
        let (_, value) = line.split_once("collector=").expect("the key is there");
        let value = value.strip_suffix(" dropped=7").expect("it ends with what is behind the name");
        let read = if value.starts_with('"') {
            serde_json::from_str(value).expect("a quoted value is a JSON string")
        } else {
            value.to_owned()
        };
        prop_assert_eq!(read, name);
    }

    /// The reader's side of the line protocol: what ends a tag is a comma, space or equals sign without a
    /// backslash right before it; then fields, then the time.
    #[test]
    fn any_name_keeps_the_line_protocol_whole(name in "(?s).{1,40}") {
        let line = line(Format::Influx, &name, What::Gap { dropped: 7 });
        let ends: Vec<_> = line
            .char_indices()
            .filter(|&(at, c)| c == ' ' && !line[..at].ends_with('\\'))
            .map(|(at, _)| at)
            .collect();
        prop_assert_eq!(ends.len(), 2, "{}", line);
        prop_assert!(line[ends[0]..].starts_with(" v=1i,id=1i,dropped=7i 1795224600123456000"));
    }
}
