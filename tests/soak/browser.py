"""A headless Chromium by its DevTools protocol, spoken over two pipes: no port, no library."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--enable-logging=stderr",
)  # fmt: skip


class Browser:
    """One tab: what is asked of it, and all that it told meanwhile."""

    def __init__(self, out: int, back: int) -> None:
        self.out, self.back = out, os.fdopen(back, "rb")
        self.number, self.session = 0, ""
        self.told: list[dict[str, Any]] = []

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol; raises AssertionError when it is refused."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            self.told.append(answer)

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.back.read(1)) not in (b"\0", b""):
            text += byte
        assert text, "the browser went away"
        return dict(json.loads(text))

    def run(self, code: str) -> Any:
        """Give the value of an expression in the page."""
        return self.ask("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def ready(self) -> None:
        """Wait until a page that was asked for has been read whole."""
        while not any(told.get("method") == "Page.loadEventFired" for told in self.told):
            self.told.append(self._next())
        self.told = [told for told in self.told if told.get("method") != "Page.loadEventFired"]

    def mouse(self, kind: str, x: float, y: float, *, buttons: int = 0, clicks: int = 0) -> None:
        """Move, press or release the mouse at a place of the window."""
        left = "left" if buttons or kind == "mouseReleased" else "none"
        self.ask(
            "Input.dispatchMouseEvent",
            type=kind, x=x, y=y, button=left, buttons=buttons, clickCount=clicks,
        )  # fmt: skip

    def picture(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(page: Path, *, profile: Path, width: int = 1120, height: int = 1400) -> Iterator[Browser]:
    """Open a page in a tab of a fresh profile."""
    assert BROWSER is not None
    (ours, theirs), (back, told) = os.pipe(), os.pipe()

    def wire() -> None:
        kept = [os.dup(fd) for fd in (ours, told)]
        os.dup2(kept[0], 3)
        os.dup2(kept[1], 4)

    process = subprocess.Popen(
        [BROWSER, *QUIET, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=wire, close_fds=False, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for end in (ours, told):
        os.close(end)
    tab = Browser(theirs, back)
    try:
        target = tab.ask("Target.createTarget", url="about:blank")["targetId"]
        tab.session = tab.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            tab.ask(f"{domain}.enable")
        tab.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        tab.ask("Page.navigate", url=page.as_uri())
        tab.ready()
        yield tab
    finally:
        process.terminate()
        process.wait(20)
        os.close(theirs)
        tab.back.close()
