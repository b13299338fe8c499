"""Debian's Chromium, without a window, over WebDriver."""

import contextlib

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SECONDS = 20


def browser(script=True, width=1300, height=900, dark=False):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={width},{height}"]:
        options.add_argument(argument)
    if not script:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(SECONDS)
    driver.set_script_timeout(SECONDS)
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    if width < 500:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return contextlib.closing(Closing(driver))


class Closing:
    """What `closing` closes."""

    def __init__(self, driver):
        self.driver = driver

    def close(self):
        self.driver.quit()


def first_paint_ms(driver):
    """How long after its request the page's first content was painted; None before that."""
    return driver.execute_script("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
