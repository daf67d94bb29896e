"""A Chromium without a window that opens one local file and is asked about it."""

import base64
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSERS, DRIVER = ("chromium", "google-chrome"), "chromedriver"
DRAWN = "return Boolean(document.body.dataset.drawn)"
LIMIT_S = 30.0


def missing() -> str:
    """What has to be installed first; empty where nothing has."""
    has_browser = any(shutil.which(name) for name in BROWSERS)
    return "" if has_browser and shutil.which(DRIVER) else "no Chromium here: apt-get install chromium chromium-driver"


@contextmanager
def browser(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """Selenium's driver; a width below 600 is that of a phone."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = next(path for name in BROWSERS if (path := shutil.which(name)))
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", f"window-size={width},{height}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which(DRIVER)))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()


def open_report(driver: Any, path: Path, fragment: str = "") -> None:
    """Returns when every chart is drawn."""
    driver.get(f"{path.resolve().as_uri()}{fragment}")
    wait_for(driver, DRAWN)


def wait_for(driver: Any, script: str) -> None:
    """Until `script` returns something true; raises TimeoutError."""
    give_up = time.monotonic() + LIMIT_S
    while not driver.execute_script(script):
        if time.monotonic() > give_up:
            raise TimeoutError(f"not so after {LIMIT_S:.0f} s: {script}")
        time.sleep(0.02)


def requests(driver: Any) -> list[str]:
    """Addresses that were asked for, the file itself among them; each once."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in dict.fromkeys(sent) if not url.startswith("data:")]


def print_pdf(driver: Any, path: Path) -> None:
    path.write_bytes(base64.b64decode(driver.print_page()))


def screenshot(driver: Any, path: Path) -> None:
    """Of the whole page."""
    size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    path.write_bytes(base64.b64decode(taken["data"]))
