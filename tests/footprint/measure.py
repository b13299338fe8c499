"""What a running program takes, read from the kernel: the ways of measuring that the agent and its peers share."""

import os
import re
import socket
import subprocess
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


def write_out(path):
    """Has a file written to its disk: until then a program's own text counts as dirty memory of its process."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


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


class Allocations:
    """Counts the heap allocations that a dynamically linked program makes in its life."""

    def __init__(self, directory):
        self.library = f"{directory}/allocations.so"
        self.count_file = f"{directory}/allocations"
        source = os.path.join(os.path.dirname(__file__), "allocations.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", self.library, source], check=True)

    def of(self, command, seconds=None):
        """Runs a program to its own end, or to SIGTERM after so long, and says how many there were."""
        environment = {"LD_PRELOAD": self.library, "ALLOCATIONS_FILE": self.count_file}
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment
        )
        if seconds:
            time.sleep(seconds)
            end(process)
        elif process.wait(60) != 0:
            raise subprocess.CalledProcessError(process.returncode, command)
        with open(self.count_file, encoding="ascii") as file:
            return int(file.read())


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
