"""A headless Chromium of this machine, spoken to in the WebDriver protocol: what a page looks like when it is drawn."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "about:blank",
)
"""Nothing but the page: no updates, no sync, no first-run page."""


def missing() -> list[str]:
    """The programs that this machine lacks for it."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


@dataclass
class Browser:
    """One window."""

    http: requests.Session
    url: str

    def call(self, path: str, **body: Any) -> Any:
        """A command of the protocol; raises AssertionError with the browser's own words."""
        answer = self.http.post(f"{self.url}/{path}", json=body, timeout=30).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, file: Path) -> None:
        """Show a file."""
        self.call("url", url=file.as_uri())

    def run(self, script: str) -> Any:
        """What a function's body returns on the page."""
        return self.call("execute/sync", script=script, args=[])

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of Chromium's own protocol."""
        return self.call("goog/cdp/execute", cmd=name, params=parameters)

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page so many CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def scheme(self, name: str) -> None:
        """Prefer `light` or `dark`."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def requests(self) -> list[str]:
        """The addresses that were asked for since the window was opened."""
        entries = [json.loads(entry["message"])["message"] for entry in self.call("se/log", type="performance")]
        sent = (entry["params"] for entry in entries if entry["method"] == "Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent]

    def complaints(self) -> list[str]:
        """What the browser wrote into its console."""
        return [entry["message"] for entry in self.call("se/log", type="browser")]

    def printed(self) -> bytes:
        """The page on A4, as PDF."""
        return base64.b64decode(self.call("print", page={"width": 21.0, "height": 29.7}, background=True))

    def picture(self) -> bytes:
        """The page as PNG, for people to look at."""
        return base64.b64decode(self.http.get(f"{self.url}/screenshot", timeout=30).json()["value"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """A window in a new profile; everything is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="followup-browser-") as profile, requests.Session() as http:
        http.trust_env = False  # no proxy between us and loopback
        log = Path(profile, "driver.log")
        driver = subprocess.Popen(["chromedriver", "--port=0", f"--log-path={log}"], stdout=subprocess.PIPE, text=True)
        try:
            port = _port(driver)
            options = {"args": [*FLAGS, f"--user-data-dir={profile}/profile"]}
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
            }
            capabilities = {"capabilities": {"alwaysMatch": wanted}}
            made = http.post(f"http://127.0.0.1:{port}/session", json=capabilities, timeout=60).json()["value"]
            browser = Browser(http, f"http://127.0.0.1:{port}/session/{made['sessionId']}")
            yield browser
            http.delete(browser.url, timeout=30)
        finally:
            driver.terminate()
            driver.communicate(timeout=30)
            time.sleep(0.1)  # the browser's last writes to its profile


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        if "started successfully on port" in line:
            return int(line.rstrip().rstrip(".").rpartition(" ")[2])
    raise AssertionError("chromedriver did not start")
