"""What is published: SipHash's vectors, and the frames and keys of docs/protocol.md."""

import re

import beacon
from siphash import siphash64, siphash128

MASTER = bytes(range(16))


def _golden():
    with open("docs/protocol.md", encoding="utf-8") as page:
        hexes = re.findall(r"^    (beac[0-9a-f]{60})\n    ([0-9a-f]{64})$", page.read(), re.MULTILINE)
    plain, keyed = (bytes.fromhex(first + second) for first, second in hexes)
    return plain, keyed


def siphash():
    """The example of the paper, appendix A, and vectors of the reference implementation."""
    assert siphash64(MASTER, bytes(range(15))) == 0xA129CA6149BE45E5
    assert siphash64(MASTER, b"") == 0x726FDB47DD0E0E31
    assert siphash128(MASTER, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    return "SipHash is as published"


def golden_frames():
    """Both frames of section 2, and the key of section 6."""
    plain, keyed = _golden()
    key = beacon.device_key(MASTER, b"fridge-7")
    assert key.hex() == "3ef60eb36452baf30efd880352564763", key.hex()
    frame = beacon.parse(plain, beacon.TO_COLLECTOR)
    named = (frame.kind, frame.label, frame.session, frame.seq, frame.interval_ms)
    assert named == (beacon.BEAT, b"fridge-7", 0x691F3C2E5B0A9D11, 0x731, 10_000), named
    assert frame.emit() == plain
    checked, _ = beacon.check(keyed, beacon.TO_COLLECTOR, {7: MASTER})
    assert checked.emit(key) == keyed
    return "the frames of docs/protocol.md are written again as they are"


CHECKS = (siphash, golden_frames)
