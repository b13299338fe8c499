"""The real programs, as cargo builds them."""

import json
import os
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager

BUILT = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", "target")) + "/debug/"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("BEACON_")}
PATIENCE_S = 20


def build():
    """Builds the programs, and what answers questions (tests/src/bin/verdicts.rs)."""
    build = ["cargo", "build", "--quiet", "--locked"]
    subprocess.run([*build, "-p", "beacon-agent", "-p", "beacon-collector"], check=True)
    subprocess.run([*build, "-p", "beacon-tests", "--bin", "verdicts"], check=True)


@contextmanager
def key_file(lines):
    """A file with these key lines, or None for none."""
    if not lines:
        yield None
        return
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("".join(f"{key_id} {key.hex()}\n" for key_id, key in lines.items()))
        file.flush()
        yield file.name


def answers(questions, masters):
    """What the first implementation says to each question."""
    with key_file(masters) as path:
        command = [BUILT + "verdicts", *(["--keys", path] if path else [])]
        asked = "".join(f"{question} {data.hex()}\n" for question, data in questions)
        ran = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return ran.stdout.splitlines()


def output_of(program, *arguments):
    """What a program that ends by itself writes."""
    ran = subprocess.run([BUILT + program, *arguments], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return ran.stdout.strip()


@contextmanager
def agent(*arguments):
    """A running beacon-agent; it is told to stop at the end, and has to end with 0."""
    with subprocess.Popen([BUILT + "beacon-agent", *arguments], env=ENVIRONMENT, stderr=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            running.kill()


class Collector:
    """A running beacon-collector and the lines that it has written."""

    def __init__(self, *arguments):
        command = [BUILT + "beacon-collector", "--format", "json", "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        address, port = self.wait_for("start", lambda line: line["event"] == "start")["listen"][0].rsplit(":", 1)
        self.address = (address, int(port))

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(json.loads(line))
                self.changed.notify_all()

    def wait_for(self, what, is_wanted):
        """The first line that is as wanted."""
        wanted = lambda: next((line for line in self.lines if is_wanted(line)), None)
        with self.changed:
            line = self.changed.wait_for(wanted, PATIENCE_S)
        assert line, f"the collector has not told {what}, only {self.lines}"
        return line

    def stop(self):
        """Ends it in order; gives all its lines."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, "the collector did not end with 0"
        return self.lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
