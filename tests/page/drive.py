"""Drives the page in headless Chromium, over WebDriver."""

import contextlib
import re
import socket
import subprocess
import sys
import time
import urllib.request

sys.dont_write_bytecode = True

from chromium import SECONDS, browser, first_paint_ms
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from stage import check, collector, errors, fits, labels, picture, running, state, until

import trouble


def small_fleet(page, listen):
    agents = ("--to", listen, "--interval", "200ms", "--ack-every", "0")
    names = ["attic-1", "cellar-2", "fridge-7"]
    with contextlib.ExitStack() as stack:
        running_agents = {name: stack.enter_context(running("beacon-agent", *agents, "--label", name, stderr=subprocess.DEVNULL)) for name in names}
        driver = stack.enter_context(browser()).driver
        driver.get(page)
        until(driver, "all sources up", lambda: [state(driver, name) for name in names] == ["up"] * 3)
        check(sorted(labels(driver)) == names, "opened: every source is shown")
        check("<attic> & 'cellar'" in driver.find_element(By.TAG_NAME, "h1").text, "the collector's name is text, not markup")
        driver.execute_script("window.stays = document.getElementById('s-fridge-7')")

        running_agents["fridge-7"].kill()
        killed = time.monotonic()
        until(driver, "fridge-7 down", lambda: state(driver, "fridge-7") == "down")
        print(f"tests/page: killed and red after {time.monotonic() - killed:.2f} s, of which 0.6 s are its bound")
        until(driver, "fridge-7 first", lambda: labels(driver)[0] == "fridge-7")
        check(driver.execute_script("return window.stays === document.getElementById('s-fridge-7')"), "it went red and up without a reload, in the same row")
        check(driver.find_element(By.ID, "news").get_attribute("textContent") == "fridge-7 is down", "a screen reader is told")
        colour = driver.execute_script("return getComputedStyle(window.stays.querySelector('.state b')).color")
        check(colour == "rgb(179, 22, 27)", f"down is red ({colour})")
        picture(driver, "light")

        driver.find_element(By.TAG_NAME, "body").send_keys("/")
        driver.switch_to.active_element.send_keys("CELLAR", Keys.ENTER)
        until(driver, "the search", lambda: labels(driver) == ["cellar-2"])
        check("q=CELLAR" in driver.current_url, "searched with the keyboard")
        driver.get(page)
        driver.find_element(By.LINK_TEXT, "Source").click()
        until(driver, "the order", lambda: labels(driver) == names)
        driver.find_element(By.PARTIAL_LINK_TEXT, "Source").click()
        until(driver, "the other order", lambda: labels(driver) == names[::-1])
        check(driver.find_element(By.CSS_SELECTOR, "th[aria-sort]").get_attribute("aria-sort") == "descending", "sorted both ways")

        driver.get(page)
        driver.find_element(By.LINK_TEXT, "fridge-7").click()
        until(driver, "the strip", lambda: len(driver.find_elements(By.CSS_SELECTOR, "#strip i")) == 64)
        check("lost" in driver.find_element(By.ID, "legend").text, "its last slots are drawn")
        history = lambda: driver.find_element(By.ID, "history").text
        check(re.search(r"down silent late", history()), "what happened to it is told")
        picture(driver, "source")
        again = stack.enter_context(running("beacon-agent", *agents, "--label", "fridge-7", stderr=subprocess.DEVNULL))
        until(driver, "it comes back", lambda: "up restart down" in history())
        check(state(driver, "fridge-7") == "up", "its page is live too")
        again.kill()
        found = errors(driver)
        check(not found, f"nothing for the console {found}")

        dark = stack.enter_context(browser(dark=True)).driver
        dark.get(page)
        ground = dark.execute_script("return getComputedStyle(document.body).backgroundColor")
        check(ground == "rgb(20, 23, 26)", "dark where that is wanted")
        picture(dark, "dark")
        phone = stack.enter_context(browser(width=390, height=800)).driver
        phone.get(page)
        picture(phone, "phone")
        check(fits(phone, 390), "it fits a phone")
        phone.get(page + "source/fridge-7")
        picture(phone, "phone-source")
        check(fits(phone, 390), "a source fits a phone")
        plain = stack.enter_context(browser(script=False)).driver
        plain.get(page + "?q=attic")
        check([th.text for th in plain.find_elements(By.CSS_SELECTOR, "#rows th")] == ["attic-1"], "it works without a script")
        duplicate(listen, page, plain, dark, driver)


def duplicate(listen, page, plain, *others):
    """A beat that comes twice is drawn as a slot of its own kind, in words too."""
    # The plain golden frame of docs/protocol.md, section 2, under another label.
    frame = bytes.fromhex(
        "beac0101010100036672696467652d370000000000000000691f3c2e5b0a9d110000000448b9b87b"
        "00000731000027100000270e000151bd0000000000000000"
    ).replace(b"fridge-7", b"hallway4")
    host, port = listen.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(2):
            sender.sendto(frame, (host, int(port)))
    def legend():
        plain.get(page + "source/hallway4")
        return [item.text.strip() for item in plain.find_elements(By.CSS_SELECTOR, "#legend li")]
    until(plain, "the duplicate", lambda: "1 duplicate" in legend())
    check("1 duplicate" in legend(), "a slot that was filled twice has a name")
    titles = [slot.get_attribute("title") for slot in plain.find_elements(By.CSS_SELECTOR, "#strip i.duplicate")]
    check(titles == ["1841 duplicate"], f"and a mark of its own {titles}")
    for number, driver in enumerate(others):
        driver.get(page + "source/hallway4")
        drawn = driver.find_element(By.CSS_SELECTOR, "#strip i.duplicate").value_of_css_property("background-image")
        check("linear-gradient" in drawn, "which not its colour alone tells apart")
        picture(driver, f"duplicate-{number}")


def large_fleet(page, listen):
    load = ("--to", listen, "--sources", "10000", "--interval", "2s", "--seconds", "60", "--die", "1%")
    with running("load", *load, stderr=subprocess.DEVNULL), browser() as closing:
        driver = closing.driver
        def known():
            with urllib.request.urlopen(page + "metrics", timeout=SECONDS) as answer:
                return sum(float(line.split()[1]) for line in answer.read().decode().splitlines() if line.startswith("beacon_sources{"))
        until(driver, "10,000 sources", lambda: known() == 10_000)
        driver.get(page)
        first = until(driver, "the first paint", lambda: first_paint_ms(driver))
        check(len(labels(driver)) == 100, f"10,000 sources: first paint after {first:.0f} ms, 100 of them a page")
        picture(driver, "10000")
        driver.execute_script("""window.longest = 0;
            new PerformanceObserver(list => { for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration); })
                .observe({ type: "longtask" });
            new MutationObserver(() => window.refreshed = true).observe(document.getElementById("rows"), { subtree: true, childList: true, characterData: true });""")
        until(driver, "a refresh", lambda: driver.execute_script("return window.refreshed"))
        print(f"tests/page: 10,000 sources: longest task of a refresh {driver.execute_script('return window.longest'):.0f} ms (0: below 50)")
        driver.find_element(By.LINK_TEXT, "Next").click()
        until(driver, "the next page", lambda: "101 to 200" in driver.find_element(By.ID, "extent").text.replace("\u202f", ""))
        check(not errors(driver), "10,000 sources: the next page")


for part in [small_fleet, large_fleet]:
    with collector() as it:
        part(it.page, it.listen)
for part in trouble.PARTS:
    part()
print("tests/page: passed")
