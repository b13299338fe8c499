"""What a running program takes, read from the kernel: the ways of measuring that the agent and its peers share."""

import os
import re
import socket
import subprocess
import tempfile
import threading
import time


def status(pid, key):
    """A number of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"^{key}:\s+(\d+)", file.read(), re.MULTILINE)[1])


def private_dirty_kb(pid):
    """The memory that nobody shares with the process, and that no file could bring back."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Private_Dirty:\s+(\d+)", file.read(), re.MULTILINE)[1])


def wakeups(pid):
    """How often a thread of the process has gone to sleep, which is how often one was woken."""
    return sum(status(f"{pid}/task/{task}", "voluntary_ctxt_switches") for task in os.listdir(f"/proc/{pid}/task"))


def end(process):
    """Ends a process and waits for it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def allocations(command, **options):
    """How many heap allocations a dynamically linked program makes in its life."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as log:
        tool = ["valgrind", "--tool=memcheck", "--leak-check=no", f"--log-file={log.name}"]
        subprocess.run(tool + command, check=True, timeout=120, capture_output=True, **options)
        total = re.search(r"total heap usage: ([\d,]+) allocs", log.read())
        return int(total[1].replace(",", ""))


class Collector:
    """Takes beats on loopback and acks those that ask for it (docs/protocol.md, sections 2 and 7)."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:{}".format(self.socket.getsockname()[1])
        self.first = None
        self.taken = 0
        self.change = threading.Condition()
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        """Takes whatever comes."""
        while True:
            frame, sender = self.socket.recvfrom(64)
            now = time.monotonic()
            if frame[5] & 1:
                ack = frame[:3] + b"\x03\0\0\0\0" + frame[8:44] + bytes(20)
                self.socket.sendto(ack, sender)
            with self.change:
                self.first = self.first or now
                self.taken += 1
                self.change.notify()

    def wait_for(self, count):
        """Waits until so many frames have come in all."""
        with self.change:
            if not self.change.wait_for(lambda: self.taken >= count, 60):
                raise TimeoutError(f"{self.taken} of {count} beats came within a minute")


def table(header, rows):
    """A table that is aligned for the eye and Markdown for a page."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
