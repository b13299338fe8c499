//! The collector over HTTP: what it serves, and what hostile clients can take of it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use beacon_collector::track::event::State;
use beacon_tests::e2e::{Collector, Directory, Limit, Sender, Signal};
use serde_json::Value as Json;

use super::restarts::wait_for_entry;

/// A collector that serves, and where.
fn serving(arguments: &[&str]) -> (Collector, String) {
    let mut collector = Collector::start("127.0.0.1:0", &[&["--http", "0"], arguments].concat());
    let address = address_in(&collector.wait_for_log("serving http://"));
    (collector, address)
}

/// Where it is served, as the `log` says.
pub(crate) fn address_in(log: &str) -> String {
    let (_, rest) = log.split_once("http://").unwrap();
    rest.trim_end_matches('/').to_owned()
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Limit::soon().left())).unwrap();
    stream
}

/// What the server answers to `request`, as far as it goes on.
fn ask(address: &str, request: &str) -> String {
    let mut stream = connect(address);
    // A server that refuses may close before it has all.
    let _ = stream.write_all(request.as_bytes());
    read_to_end(&mut stream)
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("no answer: {error}"),
        _ => String::from_utf8(bytes).unwrap(),
    }
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let answer = ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    );
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
    body.to_owned()
}

fn status(address: &str, query: &str) -> Json {
    serde_json::from_str(&get(address, &format!("/status.json{query}"))).unwrap()
}

#[test]
fn what_is_on_the_loopback_answers_no_name_that_others_could_have() {
    let (collector, address) = serving(&[]);
    let (_, port) = address.rsplit_once(':').unwrap();
    let localhost = format!("Host: localhost:{port}\r\n");
    let rebound = format!("Host: rebound.example.net:{port}\r\n");
    for (version, host, code) in [
        ("1.1", localhost.as_str(), "200 OK"),
        ("1.1", rebound.as_str(), "421 Misdirected Request"),
        ("1.0", rebound.as_str(), "421 Misdirected Request"),
        ("1.0", "", "200 OK"),
    ] {
        for path in [
            "/",
            "/status.json",
            "/events",
            "/metrics",
            "/healthz",
            "/source/a",
        ] {
            let request = format!("HEAD {path} HTTP/{version}\r\n{host}Connection: close\r\n\r\n");
            let answer = ask(&address, &request);
            let code = match path {
                "/source/a" if code == "200 OK" => "404 Not Found",
                _ => code,
            };
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {code}\r\n")),
                "{request}: {answer}"
            );
        }
    }
    collector.stop();
}

#[test]
fn whoever_is_expected_is_shown_before_it_is_heard() {
    let directory = Directory::default();
    let file = directory.write("inventory", 0o644, "lamp hall\nfridge kitchen\n");
    let file = file.to_str().unwrap();
    let (mut collector, address) = serving(&["--inventory", file, "--settle", "1h", "--metrics-per-source"]);
    Sender::new(collector.address(), "fridge")
        .every_ms(3_600_000)
        .beat_acked();
    collector.tells("fridge", "up new");

    let all = status(&address, "?state=unknown");
    assert_eq!(all["sources"]["unknown"], 1);
    let [lamp] = &all["list"].as_array().unwrap()[..] else {
        panic!("one source is unknown: {all}")
    };
    assert_eq!(
        (&lamp["source"], &lamp["state"]),
        (&"lamp".into(), &"unknown".into())
    );
    assert_eq!(
        (&lamp["bound_ms"], &lamp["group"]),
        (&3_600_000.into(), &"hall".into())
    );
    let kitchen = status(&address, "?group=kitchen");
    assert_eq!(
        (&kitchen["sources"]["up"], &kitchen["sources"]["unknown"]),
        (&1.into(), &0.into())
    );
    assert_eq!(kitchen["list"].as_array().unwrap().len(), 1);
    assert_eq!(kitchen["list"][0]["source"], "fridge");
    for key in ["addr", "cause", "session", "due_ms"] {
        assert_eq!(lamp[key], Json::Null, "{key}");
    }
    assert_eq!(status(&address, "")["list"].as_array().unwrap().len(), 2);
    let page = get(&address, "/");
    assert!(page.contains("id=\"s-lamp\" class=\"unknown\"") && page.contains(">never</td>"));
    assert!(page.contains("<b>1</b> unknown</a>"));
    let lamp = get(&address, "/source/lamp");
    assert!(lamp.contains("<dt>Last seen</dt><dd>never</dd>"), "{lamp}");
    assert!(lamp.contains("<dt>Group</dt><dd>hall</dd>"), "{lamp}");
    let metrics = get(&address, "/metrics");
    for line in [
        "beacon_source_beats_received_total{source=\"fridge\"} 1.0",
        "beacon_source_down{source=\"fridge\"} 0.0",
        "beacon_source_down{source=\"lamp\"} 0.0",
        "beacon_live_sources{health=\"ok\"} 1.0",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} in:\n{metrics}");
    }
    assert_eq!(metrics.matches("lamp").count(), 3, "{metrics}");

    Sender::new(collector.address(), "lamp")
        .every_ms(3_600_000)
        .beat_acked();
    collector.tells("lamp", "up new");
    let all = status(&address, "");
    assert_eq!(all["list"].as_array().unwrap().len(), 2, "{all}");
    collector.stop();
}

#[test]
fn every_source_is_shown_everywhere() {
    let (mut collector, address) = serving(&["--metrics-per-source"]);
    let mut one = Sender::new(collector.address(), "one").every_ms(3_600_000);
    let mut two = Sender::new(collector.address(), "two").every_ms(3_600_000);
    one.beat_acked();
    two.beat_acked();
    two.bye(beacon_common::Reason::Stop, 0);
    collector.tells("one", "up new");
    collector.tells("two", "up new");
    collector.tells("two", "stopped stop");

    assert_eq!(get(&address, "/healthz"), "ok\n");
    let all = status(&address, "");
    assert_eq!(
        (&all["sources"]["up"], &all["sources"]["stopped"]),
        (&1.into(), &1.into())
    );
    assert_eq!(all["list"].as_array().unwrap().len(), 2);
    let stopped = status(&address, "?state=stopped");
    assert_eq!(stopped["list"][0]["source"], "two");
    assert_eq!(stopped["list"][0]["due_ms"], Json::Null);
    assert_eq!(status(&address, "?source=one")["list"][0]["received"], 1);
    let metrics = get(&address, "/metrics");
    for line in [
        "beacon_sources{state=\"up\"} 1.0",
        "beacon_source_up{source=\"two\"} 0.0",
        "beacon_source_down{source=\"two\"} 0.0",
        "beacon_beats_received_total 3.0",
        "beacon_events_total{event=\"stopped\"} 1.0",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} in:\n{metrics}");
    }
    assert!(get(&address, "/").contains("<a href=\"source/one\">one</a>"));
    assert!(get(&address, "/source/two").contains("<td class=\"state\">stopped</td>"));
    collector.stop();
}

#[test]
fn what_no_line_tells_is_measured_all_the_same() {
    let directory = Directory::in_memory();
    let path = directory.path().join("state");
    let arguments = [
        "--state",
        path.to_str().unwrap(),
        "--events",
        "start,down,end",
        "--metrics-per-source",
    ];
    let (collector, _) = serving(&arguments);
    Sender::new(collector.address(), "one")
        .every_ms(3_600_000)
        .beat_acked();
    wait_for_entry(&path, "one", State::Up);
    collector.kill();

    let (collector, address) = serving(&arguments);
    let mut one = Sender::new(collector.address(), "one").every_ms(3_600_000);
    one.restart();
    one.beat_acked();
    let metrics = get(&address, "/metrics");
    let value = |series: &str| -> f64 {
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no {series} in:\n{metrics}"))
    };
    assert!(value("beacon_blind_seconds_total") > 0.0);
    for series in [
        "beacon_events_total{event=\"blind\"}",
        "beacon_events_total{event=\"restarted\"}",
        "beacon_source_restarts_total{source=\"one\"}",
    ] {
        assert_eq!(value(series), 1.0, "{series}");
    }
    let told = collector.stop();
    let told: Vec<_> = told.iter().map(|line| line.event()).collect();
    assert_eq!(told, ["start", "end"]);
}

#[test]
fn what_a_client_says_never_becomes_markup() {
    let (collector, address) = serving(&["--name", "<b>&\"'"]);
    let page = get(&address, "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""));
    assert!(page.contains("<small>&lt;b&gt;&amp;&quot;&#39;</small>"));
    assert_eq!(page.matches("<script").count(), 1);
    collector.stop();
}

#[test]
fn who_comes_back_gets_the_lines_that_it_missed() {
    let (mut collector, address) = serving(&[]);
    let request = format!("GET /events HTTP/1.1\r\nHost: {address}\r\nLast-Event-ID: 0\r\n\r\n");
    let mut follower = connect(&address);
    follower.write_all(request.as_bytes()).unwrap();
    let mut source = Sender::new(collector.address(), "one").every_ms(3_600_000);
    source.beat_acked();
    let up = collector.tells("one", "up new");
    collector.signal(Signal::TERM);
    let heard = read_to_end(&mut follower);
    let told = collector.end_of_all();
    let lines: Vec<_> = heard
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(lines.len(), told.len(), "{heard}");
    for (line, told) in lines.iter().zip(&told) {
        assert_eq!(serde_json::from_str::<Json>(line).unwrap(), *told.as_json());
    }
    assert!(heard.contains(&format!("id: {}\ndata: ", up.number("id"))));
}

#[test]
fn a_head_that_says_close_is_the_end() {
    let (collector, address) = serving(&[]);
    let answer = ask(
        &address,
        &format!("HEAD /events HTTP/1.1\r\nHost: {address}\r\n\r\n"),
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    collector.stop();
}

#[test]
fn nothing_that_a_client_sends_hurts() {
    let (mut collector, address) = serving(&[]);
    for (request, code) in [
        ("\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n", "200"),
        ("\u{16}\u{3}\u{1}\u{2}\n\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", "413"),
        (
            &format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(100_000)),
            "431",
        ),
        (&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)), "431"),
        ("GET /nothing HTTP/1.0\r\n\r\n", "404"),
        ("GET /source/none HTTP/1.0\r\n\r\n", "404"),
        ("GET /?sort=sideways HTTP/1.0\r\n\r\n", "400"),
        ("GET /events?events=up,sideways HTTP/1.0\r\n\r\n", "400"),
        ("HEAD / HTTP/1.0\r\n\r\n", "200"),
    ] {
        let answer = ask(&address, request);
        let start = format!("HTTP/1.1 {code} ");
        // A client that goes on sending may hear nothing but the end.
        let is_cut_off = request.len() > 50_000 && answer.is_empty();
        assert!(
            answer.starts_with(&start) || is_cut_off,
            "{request:.60?}: {answer}"
        );
    }
    let mut half = connect(&address);
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert!(read_to_end(&mut half).ends_with("ok\n"));
    let mut gone = connect(&address);
    gone.write_all(b"GET /healthz HT").unwrap();
    gone.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut gone), "");

    // Twice as many as there are places, all of them silent: who asks is served all the same.
    let silent: Vec<_> = (0..512).map(|_| connect(&address)).collect();
    assert_eq!(get(&address, "/healthz"), "ok\n");
    drop(silent);
    let mut twice = connect(&address);
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    twice
        .write_all(format!("{request}GET /healthz HTTP/1.0\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(read_to_end(&mut twice).matches("ok\n").count(), 2);

    let mut source = Sender::new(collector.address(), "one").every_ms(3_600_000);
    source.beat_acked();
    collector.tells("one", "up new");
    collector.stop();
}

#[test]
fn an_address_that_is_taken_ends_the_run() {
    let (collector, address) = serving(&[]);
    let finished = beacon_tests::e2e::run(
        beacon_tests::e2e::Binary::Collector,
        ["--listen", "127.0.0.1:0", "--http", &address],
    );
    assert_eq!(finished.code, Some(71));
    assert!(
        finished
            .stderr
            .iter()
            .any(|line| line.contains("--http: cannot listen on"))
    );
    collector.stop();
}
