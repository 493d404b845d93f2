"""Headless Chromium, driven through its driver by the WebDriver protocol: enough of it, with nothing to install."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1500,950"),
)
KEYS = {
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Tab": "\ue004",
    "Home": "\ue011",
    "End": "\ue010",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
}
"""Keys that are no characters, as WebDriver writes them."""


def missing() -> str:
    """Why there can be no browser here; empty when there can."""
    lacking = [name for name in ("chromedriver", "chromium") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not found: apt-get install chromium chromium-driver" if lacking else ""


class Browser:
    """One window of Chromium with a profile of its own; `with Browser(folder) as browser:`."""

    def __init__(self, folder: Path, *flags: str) -> None:
        driver = str(shutil.which("chromedriver"))
        self._driver = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._driver.stdout is not None
        port = next(m[1] for line in self._driver.stdout if (m := re.search(r"on port ([1-9]\d*)", line)))
        self._base = f"http://127.0.0.1:{port}/session"
        chrome = {"args": [*FLAGS, *flags, f"--user-data-dir={folder}"], "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": chrome, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        try:
            session = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self._driver.terminate()
            raise
        self._base += f"/{session['sessionId']}"

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._ask("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait(10)

    def open(self, page: Path) -> None:
        """Load a file and wait until its script has run."""
        self._ask("POST", "/url", {"url": page.resolve().as_uri()})
        self.until("return Boolean(document.documentElement.dataset.ready)")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page; returns what it returns, awaited where it is a promise."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script: str, seconds: float = 20.0) -> Any:
        """Wait until the script gives something true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"still not so after {seconds} s: {script}; the page said {self.messages()}")

    def press(self, *keys: str) -> None:
        """Press keys one after another, as a person would; names as in KEYS, or characters."""
        actions = []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def type(self, text: str) -> None:
        """Type characters where the focus is."""
        self.press(*text)

    def drag(self, begin: tuple[int, int], end: tuple[int, int], steps: int) -> None:
        """Press the mouse's button at one place of the window, move to another, and let go."""
        moves: list[dict[str, Any]] = []
        for step in range(steps + 1):
            x, y = (round(b + (e - b) * step / steps) for b, e in zip(begin, end, strict=True))
            moves.append({"type": "pointerMove", "x": x, "y": y, "duration": 40})
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        self._ask("POST", "/actions", {"actions": [{**mouse, "actions": [moves[0], down, *moves[1:], up]}]})

    def emulate(self, feature: str, value: str) -> None:
        """Let a media feature such as `prefers-color-scheme` have a value."""
        parameters = {"features": [{"name": feature, "value": value}]}
        self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": parameters})

    def resize(self, width: int = 0, height: int = 0) -> None:
        """Give the page another size; without numbers that of the window again."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        named = {"cmd": "Emulation.setDeviceMetricsOverride", "params": size}
        self._ask("POST", "/goog/cdp/execute", named)

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self._ask("POST", "/print", {}))

    def messages(self) -> list[str]:
        """What the page has written to the console since the last call."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """The addresses that the page has asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path: Path) -> Path:
        """The window as a PNG file."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))
        return path

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._ask("POST", "/se/log", {"type": kind})
        return entries

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"].splitlines()[0]) from None
