"""Each implementation's agent against the other one's collector, on the loopback interface."""

import signal
import socket
import time

import beacon
from agent import Agent
from collector import Collector
from programs import Collector as BeaconCollector
from programs import agent as beacon_agent
from programs import key_file

MASTERS = {7: bytes(range(16))}
LABEL = b"fridge-7"
INTERVAL_MS = 100


def _key():
    return beacon.device_key(MASTERS[7], LABEL)


def _answers_to(recorded, address):
    """The kinds of what a collector sends to whoever replays a datagram and cannot prove anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as replayer:
        replayer.settimeout(0.3)
        replayer.sendto(recorded, address)
        kinds = []
        try:
            while True:
                kinds.append(beacon.parse(replayer.recv(2048), beacon.TO_AGENT).kind)
        except TimeoutError:
            return kinds


def _about(lines):
    return [(line["event"], line["cause"]) for line in lines if line.get("source") == LABEL.decode()]


def this_agent(masters):
    """This agent beats to beacon-collector until it is told of, and says goodbye; then a second life of it."""
    with key_file(masters) as path, BeaconCollector(*(["--keys", path] if path else [])) as theirs:
        keyed = {"key_id": 7, "key": _key()} if masters else {}
        first = Agent(theirs.address, LABEL, INTERVAL_MS, **keyed)
        assert first.run(lambda: first.acked >= {first.seq} and first.seq >= 5), f"acked {first.acked}"
        told = theirs.wait_for("up", lambda line: line["event"] == "up")
        assert told["session"] == f"{first.session:016x}" and told["interval_ms"] == INTERVAL_MS, told
        # Of a longer interval, so that it is live while the first one says the rest.
        second = Agent(theirs.address, LABEL, 10_000, wall_ns=first.wall_ns + 10**9, **keyed)
        assert second.run(lambda: 1 in second.acked), "the second life is not acked"
        theirs.wait_for("restarted", lambda line: line["event"] == "restarted")
        old_bye = first.frame(beacon.BYE, seq=first.seq + 1, flags=beacon.WANT_ACK)
        heard = _answers_to(old_bye.emit(first.key), theirs.address)
        assert heard in ([], [beacon.PROBE]), f"a recording of an older session was answered with {heard}"
        assert second.bye(beacon.UPGRADE), "the goodbye was not acked"
        theirs.wait_for("stopped", lambda line: line["event"] == "stopped")
        assert max(second.round_trips_us) < 10**7, second.round_trips_us
        assert first.ignored == second.ignored == 0, "what came was no ack and no probe"
        told = _about(theirs.stop())
    expected = [("up", "new"), ("restarted", "process"), ("stopped", "upgrade")]
    assert told == expected, told
    return f"this agent is heard by beacon-collector {'with' if masters else 'without'} keys"


def asleep():
    """A sleep that is announced is told with its length."""
    with BeaconCollector() as theirs:
        mine = Agent(theirs.address, LABEL, INTERVAL_MS)
        assert mine.run(lambda: 1 in mine.acked)
        assert mine.bye(beacon.SLEEP, 60_000)
        line = theirs.wait_for("asleep", lambda line: line["event"] == "asleep")
    assert line["wake_ms"] == 60_000, line
    return "a sleep is announced to beacon-collector"


def that_agent(masters):
    """beacon-agent beats to this collector, answers its probe and says goodbye."""
    mine = Collector(masters)
    with key_file({7: _key()} if masters else None) as path:
        arguments = ["--to", mine.address, "--label", LABEL.decode(), "--interval", f"{INTERVAL_MS}ms"]
        began_s = time.time()
        with beacon_agent(*arguments, *(["--key-file", path] if path else [])) as theirs:
            assert mine.listen(lambda: len(mine.taken[LABEL]) >= 12), f"{mine.taken} {mine.rejected}"
            mine.probe(LABEL)
            assert mine.listen(lambda: mine.replies), "the probe was not answered"
            _check_reply(mine, mine.replies[0])
            if masters:
                _probe_with_a_wrong_key(mine)
            theirs.send_signal(signal.SIGTERM)
            assert mine.listen(lambda: LABEL in mine.ended), "no goodbye came"
            assert theirs.wait(10) == 0, "the agent did not end with 0"
            log = theirs.stderr.read().decode()
    assert " lost" not in log, log
    assert not mine.rejected, mine.rejected
    _check_beats([frame for frame, _ in mine.taken[LABEL]], began_s)
    return f"beacon-agent is heard by this collector {'with' if masters else 'without'} a key"


def _check_reply(mine, reply):
    newest, _ = mine.taken[LABEL][-1]
    assert reply.session == newest.session and reply.interval_ms == INTERVAL_MS, reply
    sent = {frame.seq for frame, _ in mine.taken[LABEL]}
    assert reply.seq in sent | {max(sent) + 1}, f"{reply} after {sent}"
    assert reply.next_ms <= INTERVAL_MS, reply


def _probe_with_a_wrong_key(mine):
    """A probe whose tag is wrong is not answered: one that is right and comes after it is answered alone."""
    right, mine.masters = mine.masters, {7: bytes(16)}
    wrong_nonce = mine.probe(LABEL)
    mine.masters = right
    mine.probe(LABEL)
    answered = len(mine.replies) + 1
    assert mine.listen(lambda: len(mine.replies) >= answered), "the second probe was not answered"
    assert wrong_nonce in mine.nonces, "a probe with a wrong tag was answered"


def _check_beats(frames, began_s):
    """Sessions and schedule (sections 4 and 5)."""
    beats = [frame for frame in frames if frame.kind == beacon.BEAT]
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1)), frames
    assert len({frame.session for frame in frames}) == 1
    assert abs((frames[0].session >> 32) - began_s) < 60, frames[0]
    slots_us = [beat.sent_us + beat.next_ms * 1000 for beat in beats]
    assert 0 <= slots_us[0] - beats[0].sent_us <= INTERVAL_MS * 1000, beats[0]
    for slot_us, beat, promised_us in zip(slots_us, beats[1:], slots_us[1:]):
        step = (promised_us - slot_us) / 1000 / INTERVAL_MS
        assert abs(step - round(step)) < 0.03, f"the slots are {step} intervals apart: {beat}"
        assert round(step) == 1 or beat.flags & beacon.SKIPPED, f"skipped unsaid: {beat}"
        assert beat.sent_us >= slot_us - 1000, f"sent before its slot at {slot_us}: {beat}"


def goodbyes_repeat():
    """A goodbye that is not acked is said three times, the same each time."""
    mine = Collector()
    with beacon_agent("--to", mine.address, "--label", LABEL.decode(), "--interval", "10s") as theirs:
        assert mine.listen(lambda: mine.taken[LABEL])
        mine.deaf = True
        theirs.send_signal(signal.SIGTERM)
        byes = lambda: [frame for frame, _ in mine.taken[LABEL] if frame.kind == beacon.BYE]
        assert mine.listen(lambda: len(byes()) >= 3), byes()
        assert theirs.wait(10) == 0
    assert len(set(byes())) == 1 and byes()[0].seq == 2, byes()
    return "beacon-agent says an unanswered goodbye three times"


CHECKS = (
    lambda: this_agent({}),
    lambda: this_agent(MASTERS),
    asleep,
    lambda: that_agent({}),
    lambda: that_agent(MASTERS),
    goodbyes_repeat,
)
