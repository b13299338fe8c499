"""SipHash-2-4 with 64 and 128 bits of output (Aumasson and Bernstein, 2012; the 128 bits as in its reference code)."""

MASK = (1 << 64) - 1


def _rotated(value, bits):
    return ((value << bits) | (value >> (64 - bits))) & MASK


def _rounds(count, v0, v1, v2, v3):
    for _ in range(count):
        v0 = (v0 + v1) & MASK
        v2 = (v2 + v3) & MASK
        v1 = _rotated(v1, 13) ^ v0
        v3 = _rotated(v3, 16) ^ v2
        v0 = _rotated(v0, 32)
        v2 = (v2 + v1) & MASK
        v0 = (v0 + v3) & MASK
        v1 = _rotated(v1, 17) ^ v2
        v3 = _rotated(v3, 21) ^ v0
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _compressed(key, message, tweak):
    k0 = int.from_bytes(key[:8], "little")
    k1 = int.from_bytes(key[8:], "little")
    v = (
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D ^ tweak,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    )
    whole = len(message) - len(message) % 8
    last = message[whole:].ljust(7, b"\0") + bytes([len(message) % 256])
    for start in range(0, whole + 8, 8):
        word = int.from_bytes(message[start : start + 8] if start < whole else last, "little")
        v0, v1, v2, v3 = _rounds(2, *v[:3], v[3] ^ word)
        v = (v0 ^ word, v1, v2, v3)
    return v


def siphash64(key, message):
    """The 64-bit SipHash-2-4 of `message`, a number."""
    v0, v1, v2, v3 = _compressed(key, message, 0)
    v0, v1, v2, v3 = _rounds(4, v0, v1, v2 ^ 0xFF, v3)
    return v0 ^ v1 ^ v2 ^ v3


def siphash128(key, message):
    """The 128-bit SipHash-2-4 of `message`, 16 bytes."""
    v0, v1, v2, v3 = _compressed(key, message, 0xEE)
    v0, v1, v2, v3 = _rounds(4, v0, v1, v2 ^ 0xEE, v3)
    low = v0 ^ v1 ^ v2 ^ v3
    v0, v1, v2, v3 = _rounds(4, v0, v1 ^ 0xDD, v2, v3)
    high = v0 ^ v1 ^ v2 ^ v3
    return low.to_bytes(8, "little") + high.to_bytes(8, "little")
