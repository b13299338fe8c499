"""Random and mutated frames to both implementations: the same verdicts, the same bytes written again."""

import random
from collections import Counter

import beacon
from programs import answers, key_file, output_of

MASTERS = {1: bytes(16), 7: bytes(range(16)), 255: bytes(range(100, 116))}
LABEL_BYTES = b"ABCXYZabcxyz0189._-"
ODD_LABEL_BYTES = LABEL_BYTES + b"\0 /:@[`{\x7f\x80\xff"


def _number(source, bits):
    """Any number, the edges more often."""
    some = source.getrandbits(bits)
    return source.choice([0, 1, 9, 10, 2**31, 2**31 + 1, 2**bits - 1, some, some >> source.randrange(bits)]) % 2**bits


def _frame(source):
    """Mostly a frame that is taken."""
    label = bytes(source.choices(LABEL_BYTES, k=source.randint(1, 16)))
    if source.random() < 0.2:
        label = bytes(source.choices(ODD_LABEL_BYTES, k=source.randint(0, 16)))
    interval_ms = source.choice([10, 11, 10_000, 2**31, _number(source, 32)])
    numbers = {"misses": source.randrange(256), "uptime_s": _number(source, 32), "next_ms": _number(source, 32)}
    frame = beacon.Frame(
        source.choice([1, 1, 1, 2, 2, 3, 4, 5, source.randrange(256)]),
        label,
        _number(source, 64),
        code=source.choice([0, 1, 2, 3, source.randrange(256)]),
        flags=source.choice([0, 1, 2, 3, source.randrange(256)]),
        key_id=source.choice([0, 1, 7, 255, source.randrange(256)]),
        seq=_number(source, 32),
        sent_us=_number(source, 64),
        interval_ms=interval_ms,
        **numbers,
    )
    return frame.emit(beacon.device_key(MASTERS.get(frame.key_id, bytes(16)), label))


def _mutated(source, datagram):
    how = source.randrange(10)
    mutated = bytearray(datagram)
    if how == 0:
        mutated[source.randrange(64)] ^= 1 << source.randrange(8)
    elif how == 1:
        at = source.choice([0, 1, 2, 3, 6, 8, source.randrange(64)])
        mutated[at] = source.randrange(256)
    elif how == 2:
        return source.randbytes(source.choice([64, source.randrange(130)]))
    elif how == 3:
        return bytes(mutated)[: source.randrange(64)] if source.random() < 0.5 else bytes(mutated) + b"\0"
    return bytes(mutated)


def _verdict(datagram, kinds, masters):
    """This implementation's answer, in the words of tests/src/bin/verdicts.rs."""
    try:
        frame, key = beacon.check(datagram, kinds, masters)
        if frame.kind == beacon.REPLY:
            # It answers nothing that was asked.
            raise beacon.Rejected("kind")
        return f"ok {frame.emit(key).hex()}"
    except beacon.Rejected as rejected:
        return rejected.reason


def _form(datagram):
    try:
        frame = beacon.parse(datagram, beacon.TO_AGENT)
    except beacon.Rejected as rejected:
        return rejected.reason
    return f"ok {beacon.replace(frame, key_id=0).emit().hex()}"


def same_verdicts(seed, count):
    """Both drop the same datagrams for the same reasons, and write again what they take in the same bytes."""
    source = random.Random(seed)
    seen = Counter()
    for masters in ({}, MASTERS):
        datagrams = [_mutated(source, _frame(source)) for _ in range(count)]
        for question, verdict in (("frame", lambda datagram: _verdict(datagram, beacon.TO_COLLECTOR, masters)), ("agent", _form)):
            theirs = answers([(question, datagram) for datagram in datagrams], masters)
            for datagram, answer in zip(datagrams, theirs, strict=True):
                ours = verdict(datagram)
                assert ours == answer, f"{question} {datagram.hex()}: {ours} here, {answer} there"
                seen[ours.split()[0]] += 1
    expected = {"ok", "length", "magic", "version", "kind", "label", "interval", "key", "tag", "unkeyed"}
    assert count < 1000 or set(seen) == expected, seen
    return f"{4 * count} verdicts are the same: {dict(sorted(seen.items()))}"


def same_labels(seed):
    """Both give a host the same default label."""
    source = random.Random(seed)
    alphabet = "abcXYZ089._-- é_/ß日"
    names = ["".join(source.choices(alphabet, k=source.randint(0, 40))) for _ in range(2000)]
    theirs = answers([("label", name.encode()) for name in names], {})
    for name, label in zip(names, theirs, strict=True):
        ours = beacon.default_label(name) or "none"
        assert ours == label, f"{name!r}: {ours} here, {label} there"
    return f"{len(names)} default labels are the same"


def same_device_keys(seed):
    """Both make the same device keys."""
    source = random.Random(seed)
    for key_id, master in MASTERS.items():
        label = bytes(source.choices(b"abc0", k=source.randint(1, 16)))
        with key_file({key_id: master}) as path:
            line = output_of("beacon-collector", "device-key", "--keys", path, label.decode())
        assert beacon.parse_key_line(line) == (key_id, beacon.device_key(master, label)), line
    return f"{len(MASTERS)} device keys are the same"
