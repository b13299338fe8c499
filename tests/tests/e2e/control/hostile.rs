//! What clients can take of it that say anything, stall or never read.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use beacon_tests::e2e::Sender;
use serde_json::Value as Json;

use super::Scene;

#[test]
fn nothing_that_a_client_says_hurts() {
    let mut scene = Scene::new(&[]);
    scene.source("living");
    for (request, part) in [
        (
            &b"{\"do\":\"status\"}\n"[..],
            "\"list\":[\n{\"source\":\"living\"",
        ),
        (
            b"{\"do\":\"status\",\"worst\":0}\n{\"do\":\"status\"}\n",
            "\"list\":[\n]}\n",
        ),
        (b"\n", "\"refused\":\"request\""),
        (b"GET / HTTP/1.1\r\n\r\n", "\"refused\":\"request\""),
        (b"\xff\xfe\n", "\"refused\":\"request\""),
        (
            b"{\"do\":\"source\",\"source\":\"nobody\"}\n",
            "\"refused\":\"unknown\"",
        ),
        (&[b'['; 4_096], "one line of at most 4096 bytes"),
        (&[b'x'; 100_000], "one line of at most 4096 bytes"),
    ] {
        let answer = scene.ask(request);
        assert!(
            answer.contains(part),
            "{:?}: {answer}",
            String::from_utf8_lossy(request)
        );
    }
    // Who closes its side has said all, with a newline or without; who says nothing gets nothing.
    for (said, wanted) in [
        ("{\"do\":\"status\"}", "living"),
        ("{\"do\":\"sta", "refused"),
        ("", ""),
    ] {
        let mut half = scene.connect();
        half.write_all(said.as_bytes()).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        half.read_to_string(&mut answer).unwrap();
        assert!(
            answer.contains(wanted) && answer.is_empty() == said.is_empty(),
            "{said}: {answer}"
        );
    }
    // Many more than there are places, silent or in the middle of a line: who asks is answered all the same.
    let silent: Vec<_> = (0..500)
        .map(|number| {
            let mut stream = scene.connect();
            if number % 2 == 0 {
                // One that has lost its place already may be closed.
                let _ = stream.write_all(b"{\"do\":");
            }
            stream
        })
        .collect();
    scene.prints(0, &["status"]);
    drop(silent);
    for _ in 0..1_000 {
        drop(scene.connect());
    }
    scene.prints(0, &["status"]);

    let mut source = Sender::new(scene.collector.address(), "next").every_ms(3_600_000);
    source.beat_acked();
    scene.collector.tells("next", "up new");
    scene.collector.stop();
}

#[test]
fn who_never_reads_keeps_nobody_waiting() {
    let mut scene = Scene::new(&[]);
    // More than the socket holds of the answer.
    let labels: Vec<_> = (0..1_500).map(|number| format!("s{number}")).collect();
    let address = scene.collector.address();
    let mut senders: Vec<_> = labels
        .iter()
        .map(|label| Sender::new(address, label).every_ms(3_600_000))
        .collect();
    senders.iter_mut().for_each(|sender| {
        sender.beat_acked();
    });
    for label in &labels {
        scene.collector.tells(label, "up new");
    }
    let deaf: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = scene.connect();
            stream.write_all(b"{\"do\":\"status\"}\n").unwrap();
            stream
        })
        .collect();
    let document: Json = serde_json::from_str(&scene.prints(0, &["status", "--json"])).unwrap();
    assert_eq!(document["list"].as_array().unwrap().len(), 1_500);
    let table = scene.prints(0, &["status"]);
    assert!(
        table.ends_with("and 500 more; --json has all"),
        "{}",
        &table[table.len() - 200..]
    );
    drop(deaf);
    scene.collector.stop();
}
