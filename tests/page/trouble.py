"""The nights that the page is there for, each with a collector and devices of its own."""

import contextlib
import itertools
import pathlib
import signal
import subprocess
import tempfile

from chromium import browser
from devices import Devices
from proxy import proxy
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from stage import BINARIES, check, collector, errors, fits, labels, picture, state, until


# More often than anything waits for quiet.
APART_MS = 200


def text(driver, selector):
    return driver.execute_script("return document.querySelector(arguments[0])?.innerText", selector)


def count(driver, name):
    """What the page counts of a state."""
    return int(driver.execute_script("return document.querySelector(`#counts .${arguments[0]} b`).textContent", name))


def style(driver, selector, name):
    return driver.execute_script("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, name)


def trickle():
    """One device after another dies: the page goes with them, and does not wait for the last."""
    deaths = [f"dying-{number:02}" for number in range(40)]
    with collector() as it, Devices(it.listen) as devices, browser() as closing:
        driver = closing.driver
        for number, label in enumerate(deaths):
            devices.add(label, interval_ms=1000, phase_ms=number * APART_MS % 1000)
        for number in range(30):
            devices.add(f"living-{number:02}", interval_ms=1000)
        driver.get(it.page)
        until(driver, "all are up", lambda: count(driver, "up") == 70)
        driver.execute_script("performance.clearResourceTimings()")
        devices.kill_in_turn(deaths, APART_MS)
        until(driver, "the first deaths", lambda: count(driver, "down") >= 8 or not devices.left(deaths))
        shown, left = count(driver, "down"), devices.left(deaths)
        check(shown >= 8 and left > 0, f"while devices go on dying they are counted: {shown}, {left} are to die yet")
        begun = driver.execute_script("return performance.getEntriesByType('resource').filter(entry => entry.initiatorType === 'fetch').map(entry => entry.startTime)")
        apart = min(later - earlier for earlier, later in itertools.pairwise(begun))
        check(apart >= 295, f"and {len(begun)} refreshes were {apart:.0f} ms apart at least")


def no_collector():
    """The collector dies in a mass loss: what the page goes on showing is called old, until there is an answer again."""
    with collector() as it, Devices(it.listen) as devices, browser() as closing:
        driver = closing.driver
        barn = [f"barn-{number}" for number in range(12)]
        for label in barn:
            devices.add(label)
        driver.get(it.page)
        until(driver, "all are up", lambda: count(driver, "up") == 12)
        devices.kill(*barn[:8])
        until(driver, "the mass loss", lambda: "Mass loss" in text(driver, "#banner"))
        said = text(driver, "#banner")
        check("6 of 12 live sources fell silent at " in said, f"what is counted is said: {said}")
        until(driver, "8 are down", lambda: count(driver, "down") == 8)
        picture(driver, "mass-loss")

        it.kill()
        until(driver, "the banner", lambda: "The collector has not answered since " in text(driver, "#banner"))
        check("Mass loss" not in text(driver, "#banner"), "an old mass loss is not told any more")
        check(driver.find_element(By.ID, "banner").get_attribute("role") == "alert", "a screen reader is told at once")
        check(driver.title.startswith("(no answer) Beacon"), f"the title says it: {driver.title}")
        check(style(driver, "main", "filter") == "grayscale(1)", "what is old is grey")
        picture(driver, "no-answer")

        it.start()
        until(driver, "it is back", lambda: text(driver, "#banner") == "" and style(driver, "main", "filter") == "none")
        until(driver, "the title", lambda: driver.title.startswith("Beacon") or "(no answer)" not in driver.title)
        check(text(driver, "#live") == "live", "it comes back by itself")
        until(driver, "lines are followed again", lambda: count(driver, "up") == 4)
        devices.kill(barn[9])
        until(driver, "a death", lambda: state(driver, barn[9]) == "down")

        it.process.send_signal(signal.SIGSTOP)
        until(driver, "it hangs", lambda: "The collector has not answered since " in text(driver, "#banner"))
        it.process.send_signal(signal.SIGCONT)
        until(driver, "it goes on", lambda: "has not answered" not in text(driver, "#banner"))
        check(True, "a collector that hangs is one that does not answer")


def health():
    """A source that is up and ill is no green row on any screen."""
    with collector() as it, Devices(it.listen) as devices, contextlib.ExitStack() as stack:
        devices.add("database", health=2)
        devices.add("replica", health=1)
        devices.add("mail", health=3)
        devices.add("well-one")
        wide = stack.enter_context(browser()).driver
        phone = stack.enter_context(browser(width=390, height=800)).driver
        for driver in [wide, phone]:
            driver.get(it.page)
            until(driver, "all are up", lambda: count(driver, "up") == 4)
        told = lambda driver, label: text(driver, f"#s-{label} .state")
        labels_told = ["database", "replica", "mail", "well-one"]
        check([told(wide, label) for label in labels_told] == ["up"] * 4, "health has a column of its own on a wide screen")
        on_phone = [told(phone, label) for label in labels_told]
        check(on_phone == ["up, critical", "up, warning", "up, health unknown", "up"], f"and stands beside the state on a narrow one {on_phone}")
        check(style(phone, "#s-database .health", "color") == "rgb(179, 22, 27)", "critical is red")
        check("1 critical" in wide.title, f"the title says it: {wide.title}")
        devices.kill("database")
        until(phone, "it is down", lambda: told(phone, "database") == "down, critical")
        picture(phone, "phone-health")
        wide.get(it.page + "source/database")
        check(text(wide, "h2 .state") == "down, critical", "its own page says it at the top")
        check(style(wide, "dd.critical", "color") == "rgb(179, 22, 27)", "and in red below")
        wide.get(it.page)
        wide.find_element(By.LINK_TEXT, "Restarts").click()
        until(wide, "the order", lambda: wide.execute_script("return document.querySelector('th[aria-sort]')?.ariaSort") == "descending")
        check("▼" in wide.execute_script("return getComputedStyle(document.querySelector('th[aria-sort] a'), '::after').content"), "the arrow goes the same way")


def search():
    """Who searches keeps typing, and the counts are of what was found."""
    with collector() as it, Devices(it.listen) as devices, browser() as closing:
        driver = closing.driver
        for label in ["cam-1", "cam-2", "router-1"]:
            devices.add(label)
        devices.add("lossy", lossy=True)
        driver.get(it.page + "?sort=source&order=desc")
        until(driver, "all are up", lambda: count(driver, "all") == 4)
        field = driver.find_element(By.CSS_SELECTOR, "input[type=search]")
        field.send_keys("CA")
        until(driver, "what is found", lambda: labels(driver) == ["cam-2", "cam-1"])
        check("q=CA" in driver.current_url and "order=desc" in driver.current_url, f"found while typing: {driver.current_url}")
        check(driver.switch_to.active_element == field, "the field keeps the focus")
        check(count(driver, "all") == 2, "the counts are of what was found")
        check("of 4 in all" in text(driver, "#extent"), "which is said")
        field.send_keys("M-2", Keys.ENTER)
        until(driver, "less is found", lambda: labels(driver) == ["cam-2"])
        driver.get(it.page)
        driver.find_element(By.CSS_SELECTOR, "select option[value=loss]").click()
        until(driver, "the order", lambda: driver.execute_script("return document.querySelector('th[aria-sort]')?.ariaSort") == "descending")
        until(driver, "a loss", lambda: labels(driver)[0] == "lossy")
        check("sort=loss" in driver.current_url, "the greatest loss comes first, and the heading says so")
        check(not errors(driver), "nothing for the console")


def tab():
    """A tab that nobody looks at says by its title and icon how things are."""
    with collector() as it, Devices(it.listen) as devices, browser() as closing:
        driver = closing.driver
        devices.add("gate")
        devices.add("barn")
        driver.get(it.page)
        icon = lambda: driver.execute_script("return document.querySelector('link[rel=icon]').href")
        until(driver, "all are up", lambda: count(driver, "up") == 2)
        check(driver.title.startswith("Beacon") and "%231f8a43" in icon(), "all is well: a green icon")
        devices.kill("gate")
        until(driver, "the title", lambda: driver.title.startswith("(1 down) Beacon"))
        check("%23d3262c" in icon(), "something is down: another one, in red")
        driver.execute_script("""Object.defineProperty(document, "hidden", { value: true });
            document.dispatchEvent(new Event("visibilitychange"));""")
        devices.kill("barn")
        until(driver, "the title of a hidden tab", lambda: driver.title.startswith("(2 down)"))
        check(True, "a tab in the background goes on")
        driver.get(it.page + "source/gate")
        check(driver.title.startswith("(down) gate"), f"a source's own title: {driver.title}")


def layout():
    """Long words, many rows, little room."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        inventory, control = pathlib.Path(directory, "inventory"), pathlib.Path(directory, "control")
        inventory.write_text("never-came-12345\n")
        it = stack.enter_context(collector("--inventory", inventory, "--settle", "1s", "--control", control))
        devices = stack.enter_context(Devices(it.listen))
        for number in range(40):
            devices.add(f"device-of-16b-{number:02}")
        driver = stack.enter_context(browser()).driver
        driver.get(it.page)
        until(driver, "all are there", lambda: count(driver, "up") == 40 and count(driver, "down") == 1)
        cells = driver.execute_script("return [...document.querySelectorAll('#s-never-came-12345 td')].map(td => td.innerText)")
        check(cells[0] == "down" and cells[3] == "never" and cells[5:] == [""] * 7, f"of what was never heard nothing is made up {cells}")
        driver.execute_script("window.scrollTo(0, 400)")
        top = driver.execute_script("return Math.round(document.querySelector('#sources thead th').getBoundingClientRect().top)")
        check(top == 0, "the headings stay when one scrolls")
        picture(driver, "scrolled")
        check(style(driver, "td.number", "textAlign") == "right", "numbers are to the right")
        heights = driver.execute_script("return [...document.querySelectorAll('#sources thead a')].map(a => a.offsetHeight)")
        check(min(heights) >= 24, "headings are high enough to be met")

        silence = [BINARIES / "beacon-collector", "silence", "device-of-16b-00", "2h", "--reason", "Ann changes the disk & the fan", "--control", control]
        subprocess.run(silence, check=True, stdout=subprocess.DEVNULL)
        cell = "#s-device-of-16b-00 .state"
        until(driver, "silenced", lambda: text(driver, cell) == "up, silenced")
        driver.execute_script("""window.told = [];
            const cell = document.querySelector(arguments[0]);
            new MutationObserver(() => window.told.push(cell.textContent)).observe(cell, { subtree: true, childList: true, characterData: true });""", cell)
        devices.kill("device-of-16b-00")
        until(driver, "down", lambda: text(driver, cell) == "down, silenced")
        told = driver.execute_script("return window.told")
        check(told and all("silenced" in line for line in told), f"the mark stays while the state changes {told}")
        until(driver, "the counts", lambda: count(driver, "down") == 2)
        check("1 silenced" in text(driver, "#counts .down"), "and is counted")
        check(driver.title.startswith("(1 down)"), "who is silenced calls nobody")
        driver.get(it.page + "source/device-of-16b-00")
        check(text(driver, "h2 .state") == "down, silenced", "its own page says it at the top")
        lines = driver.execute_script("const p = document.querySelector('#silence'); return p.offsetHeight / parseFloat(getComputedStyle(p).lineHeight)")
        check(round(lines) == 1 and "Ann changes the disk & the fan" in text(driver, "#silence"), "with the reason, in one line")
        picture(driver, "silenced")

        for width in [390, 320]:
            phone = stack.enter_context(browser(width=width, height=800)).driver
            phone.get(it.page)
            phone.execute_script("for (const row of document.querySelectorAll('#rows tr')) for (const cell of row.querySelectorAll('.number')) cell.textContent = '187d23h';")
            check(fits(phone, width), f"nothing is cut at {width} pixels, however long ago it was")
            picture(phone, f"phone-{width}")


def groups():
    """Where the inventory has groups, the page tells which source is in which; elsewhere it has no such column."""
    headings = lambda driver: driver.execute_script("return [...document.querySelectorAll('#sources th a')].map(a => a.textContent)")
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        inventory = pathlib.Path(directory, "inventory")
        inventory.write_text("gate yard\nlamp\nbarn hay-loft\nnever-came-12345 " + "long-" * 12 + "name\n")
        plain = stack.enter_context(collector())
        it = stack.enter_context(collector("--inventory", inventory, "--settle", "1s"))
        driver = stack.enter_context(browser()).driver
        for page in [plain, it]:
            devices = stack.enter_context(Devices(page.listen))
            for label in ["gate", "lamp", "barn"]:
                devices.add(label)
            driver.get(page.page)
            until(driver, "all are up", lambda: count(driver, "up") == 3)
            has_column = "Group" in headings(driver) and bool(driver.find_elements(By.CSS_SELECTOR, "option[value=group]"))
            check(has_column == (page is it), f"groups have a column where there are any: {has_column}")
        check(text(driver, "#s-gate .group") == "yard" and text(driver, "#s-lamp .group") == "", "it tells each source's own")
        driver.find_element(By.LINK_TEXT, "Group").click()
        until(driver, "the order", lambda: labels(driver) == ["barn", "never-came-12345", "gate", "lamp"])
        check("sort=group" in driver.current_url, "and sorts by it, with those without a group behind")
        picture(driver, "groups")
        driver.find_element(By.LINK_TEXT, "gate").click()
        check("Group\nyard" in text(driver, "#facts"), "a source's own page tells it too")
        driver.get(it.page)
        # Right above and below where columns are left out.
        for width in [1297, 1295, 1249, 1247, 1041, 1039]:
            driver.set_window_size(width, 800)
            driver.execute_script("""for (const row of document.querySelectorAll('#rows tr')) {
                for (const cell of row.querySelectorAll('.number')) cell.textContent = '187d23h';
                row.querySelector('.address').textContent = '[2001:db8:1234:5678:9abc:def0:1234:5678]:40112'; }""")
            check(driver.execute_script("return innerWidth") == width and fits(driver, width), f"nothing is cut at {width} pixels")


def below_a_path():
    """The page stands below a path of a proxy, live."""
    with collector() as it, Devices(it.listen) as devices, proxy(it.page) as page, browser() as closing:
        driver = closing.driver
        devices.add("gate")
        devices.add("barn")
        driver.get(page)
        until(driver, "all are up", lambda: count(driver, "up") == 2)
        driver.find_element(By.LINK_TEXT, "Since").click()
        driver.find_element(By.PARTIAL_LINK_TEXT, "down").click()
        check(driver.current_url == page + "?state=down&sort=since", f"links stay below it: {driver.current_url}")
        driver.find_element(By.LINK_TEXT, "Beacon").click()
        driver.find_element(By.LINK_TEXT, "gate").click()
        check(driver.current_url == page + "source/gate", "a source too")
        lines = "return performance.getEntriesByType('resource').length"
        until(driver, "a refresh", lambda: driver.execute_script(lines) > 0)
        devices.kill("gate")
        until(driver, "down", lambda: text(driver, "h2 .state") == "down")
        check("gate is down" in driver.find_element(By.ID, "news").get_attribute("textContent"), "lines come through")
        driver.find_element(By.LINK_TEXT, "All sources").click()
        check(driver.current_url == page, "and back")
        check(not errors(driver), "nothing for the console")


def refused_lines():
    """Who is refused the event lines (too many follow them, a proxy restarts) asks for them again, as long as it takes."""
    asked = []

    def refuses(path):
        if not path.startswith("events"):
            return False
        asked.append(path)
        return len(asked) <= 2

    with collector() as it, Devices(it.listen) as devices, proxy(it.page, refuses) as page, browser() as closing:
        driver = closing.driver
        devices.add("gate")
        driver.get(page)
        until(driver, "the lines are asked for a third time", lambda: len(asked) == 3)
        until(driver, "it is up", lambda: state(driver, "gate") == "up")
        devices.kill("gate")
        told = lambda: driver.find_element(By.ID, "news").get_attribute("textContent")
        until(driver, "its line", lambda: told() == "gate is down")
        check(len(asked) == 3, "lines that were refused twice are followed after all, once")


PARTS = [trickle, no_collector, health, search, tab, layout, groups, below_a_path, refused_lines]
