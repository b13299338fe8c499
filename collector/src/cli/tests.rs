use super::idle::NEEDS;
use super::*;
use crate::output::events::EventName;
use crate::track::silences::Reason;
use beacon_common::{KeyId, Label};

fn words(arguments: &[&str]) -> Vec<OsString> {
    ["beacon-collector"]
        .iter()
        .chain(arguments)
        .map(Into::into)
        .collect()
}

fn parsed(arguments: &[&str]) -> Result<Parsed, Failure> {
    parse(&words(arguments))
}

fn options(arguments: &[&str]) -> Options {
    match parsed(arguments) {
        Ok(Parsed::Run(options)) => *options,
        other => panic!("{arguments:?} is not a run: {other:?}"),
    }
}

fn refused(arguments: &[&str]) -> String {
    let failure = parsed(arguments).expect_err("these arguments are wrong");
    assert_eq!(failure.exit, Exit::Usage);
    assert!(!failure.line.contains('\n'), "{failure}");
    failure.line
}

#[test]
fn the_definition_holds_together() {
    CommandLine::command().debug_assert();
}

#[test]
fn every_option_has_an_environment_variable_named_after_it() {
    for argument in CommandLine::command().get_arguments() {
        let Some(long) = argument
            .get_long()
            .filter(|long| !["help", "version"].contains(long))
        else {
            continue;
        };
        let variable = format!("BEACON_{}", long.to_ascii_uppercase().replace('-', "_"));
        assert_eq!(
            argument.get_env().and_then(|name| name.to_str()),
            Some(&*variable)
        );
    }
}

#[test]
fn a_key_that_is_written_where_it_does_not_belong_is_not_repeated() {
    let key = "3ef60eb36452baf30efd880352564763";
    for arguments in [
        &["--keys", "7", key][..],
        &[&format!("--{key}")],
        &["--queue", key],
    ] {
        let line = refused(arguments);
        assert!(line.contains('…') && !line.contains(key), "{line}");
    }
    assert!(refused(&["deadbeef"]).contains("'deadbeef'"));
}

#[test]
fn what_has_no_effect_is_told() {
    let idle = |arguments: &[&str]| -> Vec<String> {
        let idle = options(arguments).idle;
        let told = |idle: &Idle| format!("{} without {}", idle.option, idle.needs);
        idle.iter().map(told).collect()
    };
    for (option, needs) in NEEDS {
        let defined = CommandLine::command();
        let is_defined = |id: &str| defined.get_arguments().any(|argument| argument.get_id() == id);
        assert!(is_defined(option) && is_defined(needs), "{option} {needs}");
    }
    assert_eq!(
        idle(&["--one-way", "--settle=5s", "--on-events=up"]),
        [
            "--settle without --inventory",
            "--on-events without --on-event",
            "--one-way without --keys"
        ]
    );
    let with_all = [
        "--settle=5s",
        "--inventory=i",
        "--on-event=x",
        "--on-events=up",
        "--http=1",
    ];
    assert_eq!(idle(&with_all), [""; 0]);
    assert_eq!(idle(&[]), [""; 0]);
}

#[test]
fn options_are_read() {
    let options = options(&[
        "--listen=0.0.0.0:1",
        "--listen=[ff02::1%3]:2",
        "--workers=256",
        "--misses=255",
        "--misses-override=1",
        "--false-alarms=2/7d",
        "--misses-max=64",
        "--margin=1s500ms",
        "--forget=1h30m",
        "--max-sources=2147483648",
        "--reorder-wait=0",
        "--tick=0s",
        "--report=5m",
        "--events=up, down",
        "--queue=16",
        "--one-way",
        "--probe=never",
        "--probe-rate=1000000",
        "--admit-rate=0",
        "--settle=30s",
        "--inventory-only",
        "--on-event=mail x",
        "--on-events=down, mass_over",
        "--on-event-parallel=256",
        "--on-event-timeout=1m",
    ]);
    assert_eq!(
        options.listen,
        ["0.0.0.0:1".parse().unwrap(), "[ff02::1%3]:2".parse().unwrap()]
    );
    assert_eq!(options.workers, Some(MAX_WORKERS));
    assert_eq!((options.misses, options.misses_override), (255, Some(1)));
    assert_eq!(options.false_alarms, Some(FalseAlarms(Duration::from_hours(84))));
    assert_eq!(options.misses_max, 64);
    assert_eq!(options.margin, Margin::Fixed(Duration::from_millis(1_500)));
    assert_eq!(options.forget, Duration::from_mins(90));
    assert_eq!((options.max_sources, options.reorder_wait), (1 << 31, 0));
    assert_eq!(
        (options.tick, options.report),
        (Period(None), Period(Some(Duration::from_mins(5))))
    );
    assert_eq!((options.queue, options.admit_rate), (16, 0));
    assert_eq!(
        (options.one_way, options.probe, options.probe_rate),
        (true, Probe::Never, 1_000_000)
    );
    assert_eq!(
        (options.settle, options.inventory_only),
        (Duration::from_secs(30), true)
    );
    assert_eq!(options.on_event.as_deref(), Some("mail x"));
    assert!(options.on_events.contains(EventName::MassOver));
    assert!(!options.on_events.contains(EventName::MassLoss));
    assert_eq!(
        (options.on_event_parallel.get(), options.on_event_timeout),
        (256, Duration::from_mins(1))
    );
    let events = options.events.unwrap();
    let kept: Vec<_> = EventName::ALL
        .into_iter()
        .filter(|event| events.contains(*event))
        .collect();
    assert_eq!(
        kept.iter().map(|event| event.name()).collect::<Vec<_>>(),
        ["up", "down"]
    );
}

#[test]
fn a_wrong_value_is_told_in_one_line_with_what_the_option_takes() {
    for (arguments, line) in [
        (
            &["--margin", "x"][..],
            "--margin: 'x' is not a duration; it takes auto or a duration like 250ms",
        ),
        (
            &["--margin=10"],
            "--margin: '10' is not a duration; it takes auto or a duration like 250ms",
        ),
        (
            &["--listen", ":7878"],
            "--listen: ':7878' is not an address with its port; it takes ADDR:PORT, like 0.0.0.0:7878 or [::]:7878",
        ),
        (
            &["--format", "x\ny"],
            "--format: 'x\\ny' is not a format; it takes json, text, logfmt or influx",
        ),
        (
            &["--on-event", " "],
            "--on-event: ' ' is not a command; it takes a line for the shell",
        ),
        (
            &["--on-events", "down,gap"],
            "--on-events: 'gap' is not an event for hooks; it takes up,late,down,stopped,asleep,restarted,moved,status,duplicate_label,flapping,steady,forgotten,start,tick,blind,mass_loss,mass_over",
        ),
        (
            &["--on-events", "Down"],
            "--on-events: 'Down' is not an event for hooks; it takes up,late,down,stopped,asleep,restarted,moved,status,duplicate_label,flapping,steady,forgotten,start,tick,blind,mass_loss,mass_over",
        ),
        (
            &["--on-event-timeout", "0s"],
            "--on-event-timeout: '0s' is not above zero; it takes a duration above zero, like 30s or 5m",
        ),
        (
            &["--workers", "257"],
            "--workers: '257' is not in range; it takes a number from 1 to 256",
        ),
        (
            &["--misses", "0"],
            "--misses: '0' is not in range; it takes a number from 1 to 255",
        ),
        (
            &["--misses-override", "256"],
            "--misses-override: '256' is not in range; it takes a number from 1 to 255",
        ),
        (
            &["--misses-max", "65"],
            "--misses-max: '65' is not in range; it takes a number from 1 to 64",
        ),
        (
            &["--false-alarms", "30d"],
            "--false-alarms: '30d' is not a rate; it takes a number and the time it is allowed in, like 1/30d or 2/7d",
        ),
        (
            &["--false-alarms", "0/1d"],
            "--false-alarms: '0' is not in range; it takes a number and the time it is allowed in, like 1/30d or 2/7d",
        ),
        (
            &["--false-alarms", "1/month"],
            "--false-alarms: 'month' is not a duration; it takes a number and the time it is allowed in, like 1/30d or 2/7d",
        ),
        (
            &["--false-alarms", "61/1m"],
            "--false-alarms: '61/1m' is not from one in 100 years to one a second; it takes a number and the time it is allowed in, like 1/30d or 2/7d",
        ),
        (
            &["--reorder-wait", "63"],
            "--reorder-wait: '63' is not in range; it takes a number from 0 to 62",
        ),
        (
            &["--probe", "often"],
            "--probe: 'often' is not a way to probe; it takes auto, always or never",
        ),
        (
            &["--probe-rate", "0"],
            "--probe-rate: '0' is not in range; it takes a number from 1 to 1000000",
        ),
        (
            &["--max-sources", "0"],
            "--max-sources: '0' is not in range; it takes a number from 1 to 2147483648",
        ),
        (
            &["--queue", "15"],
            "--queue: '15' is not in range; it takes a number of lines, 16 or more",
        ),
        (
            &["--forget", "0s"],
            "--forget: '0s' is not above zero; it takes a duration above zero, like 90s or 24h",
        ),
        (
            &["--tick", "1ms"],
            "--tick: '1ms' is not long enough; it takes 0 for never, or a duration from 10ms like 60s or 1h30m",
        ),
        (
            &["--events", "up,Down"],
            "--events: 'Down' is not an event; it takes up,late,down,stopped,asleep,restarted,moved,status,duplicate_label,flapping,steady,forgotten,report,state,start,tick,gap,blind,mass_loss,mass_over,end",
        ),
        (
            &["--name", ""],
            "--name: '' is not a name; it takes 1 to 255 bytes of text",
        ),
        (
            &["keygen", "--id", "0"],
            "--id: '0' is not in range; it takes a number from 1 to 255",
        ),
        (
            &["silence", "a", "0s"],
            "<DURATION>: '0s' is not in range; it takes a duration above zero, like 2h, ten years at most",
        ),
        (
            &["silence", "a"],
            "<DURATION>: 'a' is not a duration; it takes a duration above zero, like 2h, ten years at most",
        ),
        (
            &["silence", "a", "2h", "--reason", "a\nb"],
            "--reason: 'a\\nb' is not a reason; it takes a line of text of at most 200 bytes",
        ),
        (
            &["status", "-"],
            "[LABEL]: '-' is not a label; it takes 1 to 16 of A-Z a-z 0-9 . _ -, the first a letter or digit",
        ),
        (
            &["device-key", "--keys", "f", "-"],
            "<LABEL>: '-' is not a label; it takes 1 to 16 of A-Z a-z 0-9 . _ -, the first a letter or digit",
        ),
    ] {
        assert_eq!(refused(arguments), line);
    }
}

#[test]
fn what_is_no_option_or_too_much_or_too_little_is_told_in_one_line() {
    for (arguments, line) in [
        (
            &["--lisen", "x"][..],
            "--lisen: no such option; --help lists them",
        ),
        (&["-x"], "-x: no such option; --help lists them"),
        (&["--stat", "f"], "--stat: no such option; --help lists them"),
        (
            &["serve"],
            "'serve' is not a command; it takes keygen, device-key, schema, status, silence, unsilence, forget",
        ),
        (&["keygen", "x"], "x: no such option; --help lists them"),
        (
            &["--margin"],
            "--margin: a value is missing; it takes <auto|DURATION>",
        ),
        (&["--misses"], "--misses: a value is missing; it takes <1-255>"),
        (
            &["--tick=1s", "--tick=2s"],
            "--tick: given twice; it takes one <DURATION>",
        ),
        (&["--version=1"], "--version: it takes no value"),
        (&["status", "--jsn"], "--jsn: no such option; --help lists them"),
        (&["status", "--json", "--json"], "--json: given twice"),
        (&["device-key"], "--keys <FILE>, <LABEL>: missing"),
        (&["device-key", "--keys", "f"], "<LABEL>: missing"),
        (&["forget"], "<LABEL>: missing"),
        (&["silence", "--group", "yard"], "<DURATION>: missing"),
        (&["silence"], "<LABEL>, <DURATION>: missing"),
        (
            &["silence", "--group", "yard", "a", "2h"],
            "--group <NAME>: it does not go together with [LABEL]",
        ),
        (
            &["status", "a", "--group", "yard"],
            "[LABEL]: it does not go together with --group <NAME>",
        ),
        (
            &["--tick=1s", "schema"],
            "schema: takes its own options, after the command",
        ),
    ] {
        assert_eq!(refused(arguments), line);
    }
}

#[test]
fn commands_are_read() {
    let command = |arguments: &[&str]| match parsed(arguments) {
        Ok(Parsed::Command(command)) => command,
        other => panic!("{arguments:?} is not a command: {other:?}"),
    };
    assert_eq!(command(&["schema"]), Command::Schema);
    let id = KeyId::new(1).unwrap();
    assert_eq!(command(&["keygen"]), Command::Keygen { id });
    let label = Label::new("fridge-7").unwrap();
    let (lasts, reason) = (Duration::from_hours(2), Reason::new("it moves").unwrap());
    let silence = |label, group| Command::Silence {
        whom: Whom { label, group },
        lasts,
        reason: reason.clone(),
        control: None,
    };
    let words = ["silence", "fridge-7", "2h", "--reason", "it moves"];
    assert_eq!(command(&words), silence(Some(label), None));
    let words = ["silence", "--group", "yard", "2h", "--reason", "it moves"];
    assert_eq!(command(&words), silence(None, Some("yard".to_owned())));
    let status = Status {
        label: Some(label),
        group: None,
        json: true,
        plugin: false,
        watch: true,
        control: Some("c".into()),
    };
    let words = ["status", "fridge-7", "--json", "--watch", "--control=c"];
    assert_eq!(command(&words), Command::Status(status));
    let (keys, id) = (PathBuf::from("f"), KeyId::new(9));
    let device_key = Command::DeviceKey { keys, label, id };
    assert_eq!(
        command(&["device-key", "--keys", "f", "fridge-7", "--id", "9"]),
        device_key
    );
}

#[test]
fn help_and_version_are_text_to_print() {
    for (arguments, part) in [
        (&["--help"][..], "--reorder-wait"),
        (&["keygen", "--help"], "--id"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        match parsed(arguments) {
            Ok(Parsed::Text(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }
}

#[test]
fn a_plugin_is_known_by_its_words_however_wrong_the_others_are() {
    for plugin in [
        &["status", "--plugin"][..],
        &["status", "--plugn", "--plugin"],
        &["status", "-x", "--plugin", "-"],
        &["status", "--plugin=1"],
        &["--plugin", "status"],
        &["--tick", "1s", "status", "--plugin"],
        &["status", "--control", "--plugin"],
    ] {
        assert!(asks_as_plugin(&words(plugin)), "{plugin:?}");
    }
    for other in [
        &[][..],
        &["status"],
        &["--plugin"],
        &["status", "--plugins"],
        &["status", "--", "--plugin"],
        &["forget", "status", "--plugin"],
        &["silence", "status", "2h", "--reason", "--plugin"],
    ] {
        assert!(!asks_as_plugin(&words(other)), "{other:?}");
    }
}
