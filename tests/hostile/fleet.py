"""A collector of the release build amid a fleet of which 1 % dies: what is measured while its HTTP server is used, by
tests/hostile/measure and tests/page/measure.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
BINARIES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "release"
START_LIMIT_S = 30

# How late a death may be told, and how long a scrape may take.
LATENESS_LIMIT_MS = 10
SCRAPE_LIMIT_MS = 100


def fetch(page, path):
    """How many milliseconds it took, and what came."""
    begun = time.monotonic()
    with urllib.request.urlopen(f"http://{page}{path}", timeout=30) as answer:
        body = answer.read()
    return (time.monotonic() - begun) * 1e3, body


def times_ms(page, path, number):
    """Of requests that are more than the second apart for which an answer is kept."""
    times = []
    for _ in range(number):
        time.sleep(1.1)
        times.append(fetch(page, path)[0])
    return times


class Fleet:
    """A collector, its load, and what they write."""

    def __init__(self, work, sources, interval_s, seconds):
        self.lines = pathlib.Path(work, "lines")
        self.log = pathlib.Path(work, "log")
        self.read = 0
        self.processes = []
        self.collector = self.start(
            *("beacon-collector", "--listen", "127.0.0.1:0", "--http", "0", "--format", "json", "--admit-rate", "0"),
            stdout=self.lines.open("w"),
            stderr=self.log.open("w"),
        )
        self.page = self.wait_for_page()
        listen = json.loads(self.lines.read_text().splitlines()[0])["listen"][0]
        self.start(
            *("load", "--to", listen, "--sources", str(sources), "--interval", f"{interval_s}s"),
            *("--seconds", str(seconds), "--die", "1%"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self, program, *arguments, **outputs):
        process = subprocess.Popen([BINARIES / program, *arguments], **outputs)
        self.processes.append(process)
        return process

    def wait_for_page(self):
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            page = re.search(r"http://([^/]+)/", self.log.read_text())
            if page and self.lines.read_text().endswith("\n"):
                return page[1]
            time.sleep(0.05)
        sys.exit(f"FAILED: the collector does not start: {self.log.read_text()}")

    def lateness_ms(self):
        """Of each death that was told since this was asked last, in that order, how long after its deadline."""
        with open(self.lines, "rb") as lines:
            lines.seek(self.read)
            text = lines.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        told = [json.loads(line) for line in whole.splitlines() if b'"event":"down"' in line]
        return [line["silent_ms"] - line["bound_ms"] for line in told]

    def rounds(self):
        """How many rounds the loops have gone, and how many of them took more than 10 ms."""
        rounds = dict(re.findall(r'lag_seconds_bucket\{le="([^"]+)"\} (\d+)', self.metrics()))
        return int(rounds["+Inf"]), int(rounds["+Inf"]) - int(rounds["0.01"])

    def socket_drops(self):
        return int(re.search(r"(?m)^beacon_socket_drops_total (\d+)", self.metrics())[1])

    def metrics(self):
        return fetch(self.page, "/metrics")[1].decode()

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.collector.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024

    def end(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
