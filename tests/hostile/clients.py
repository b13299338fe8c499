"""200 hostile clients and 10,000 connects against a collector's HTTP server at ADDRESS:PORT for SECONDS, beside an honest
scraper. Prints one JSON object: what each kind of client has done, and how long the scrapes took, in milliseconds.
"""

import collections
import json
import socket
import sys
import threading
import time
import urllib.request

PAGE = sys.argv[1]
SECONDS = float(sys.argv[2])
END = time.monotonic() + SECONDS

HEAD = b"GET / HTTP/1.1\r\nX: "
CONNECTS = 10_000
CONNECTERS = 20
# What a scrape counts as that was not answered: longer than any limit.
UNANSWERED_MS = 9_000.0

# Clients of a kind and what became of them; the lock is for the counting, which many threads do.
counts = collections.Counter()
counting = threading.Lock()


def count(what):
    with counting:
        counts[what] += 1


def is_over():
    return time.monotonic() > END


def connect():
    host, port = PAGE.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=5)


def send_byte_by_byte():
    """Slowloris: a request that never ends."""
    with connect() as connection:
        for byte in HEAD + b"a" * 5_000:
            connection.send(bytes([byte]))
            time.sleep(0.05)
            if is_over():
                return


def send_huge_head():
    with connect() as connection:
        connection.sendall(HEAD + b"a" * 200_000)
        connection.recv(100)


def close_by_half():
    """Half a request, and no more to come."""
    with connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(100)


def read_slowly():
    """Asks for much and takes 64 bytes of it at a time."""
    with connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        connection.sendall(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not is_over() and connection.recv(64):
            time.sleep(0.2)


def again_and_again(name, client):
    """Runs a client until the end. To be refused, cut off or timed out is what it is for, and is counted."""
    while not is_over():
        try:
            client()
            count(f"{name}: done")
        except (ConnectionError, TimeoutError):
            count(f"{name}: cut off")
        time.sleep(0.05)


def connect_only():
    """Its share of the connects, spread over most of the time."""
    share = CONNECTS // CONNECTERS
    for _ in range(share):
        if is_over():
            return
        try:
            connect().close()
            count("connects: done")
        except (ConnectionError, TimeoutError):
            count("connects: cut off")
        time.sleep(0.8 * SECONDS / share)


def scrape_ms():
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(f"http://{PAGE}/metrics", timeout=5) as answer:
            answer.read()
    except OSError as error:
        print(f"a scrape was not answered: {error}", file=sys.stderr)
        return UNANSWERED_MS
    return (time.monotonic() - begun) * 1e3


def start(number, work, *arguments):
    for _ in range(number):
        threading.Thread(target=work, args=arguments, daemon=True).start()


def main():
    start(60, again_and_again, "slowloris", send_byte_by_byte)
    start(40, again_and_again, "huge heads", send_huge_head)
    start(40, again_and_again, "half-closed", close_by_half)
    start(40, again_and_again, "slow readers", read_slowly)
    start(CONNECTERS, connect_only)
    scrapes_ms = []
    while not is_over():
        scrapes_ms.append(scrape_ms())
        time.sleep(0.2)
    with counting:
        print(json.dumps({"clients": counts, "scrapes_ms": sorted(scrapes_ms)}))


main()
