"""What the page is tried with: programs of ours, and looks at the page they are shown on."""

import contextlib
import pathlib
import re
import subprocess
import sys

from chromium import SECONDS
from selenium.webdriver.support.ui import WebDriverWait

BINARIES = pathlib.Path(sys.argv[1])
PICTURES = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None


@contextlib.contextmanager
def running(name, *arguments, **options):
    """A program of ours that dies with the block."""
    process = subprocess.Popen([BINARIES / name, *arguments], stdout=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Collector:
    """A collector, which can be killed and started again where it was."""

    def __init__(self, *options):
        self.options = options
        self.listen, self.port = "127.0.0.1:0", "0"
        self.start()

    def start(self):
        told = ["--listen", self.listen, "--http", self.port, "--name", "<attic> & 'cellar'", "--format", "json", *self.options]
        self.process = subprocess.Popen([BINARIES / "beacon-collector", *told], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.page = next(found[0] for line in self.process.stderr if (found := re.search(r"http://\S+", line)))
        self.port = self.page.rstrip("/").rsplit(":", 1)[1]
        self.listen = re.search(r'"listen":\["([^"]+)"', self.process.stdout.readline())[1]
        subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def collector(*options):
    """A collector that dies with the block."""
    it = Collector(*options)
    try:
        yield it
    finally:
        it.kill()


def until(driver, what, condition):
    """Waits for a condition, within a bound."""
    return WebDriverWait(driver, SECONDS, poll_frequency=0.05).until(lambda _: condition(), what)


def labels(driver):
    return driver.execute_script("return [...document.querySelectorAll('#rows th')].map(th => th.textContent)")


def state(driver, label):
    return driver.execute_script("const row = document.getElementById(arguments[0]); return row && row.className", f"s-{label}")


def fits(driver, width):
    """Whether nothing reaches beyond a screen of this width. A phone's browser would make the screen wider."""
    return driver.execute_script("return document.documentElement.scrollWidth") <= width


def picture(driver, name):
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(PICTURES / f"{name}.png"))


def check(condition, what):
    if not condition:
        sys.exit(f"tests/page: FAILED: {what}")
    print(f"tests/page: {what}")


def errors(driver):
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
