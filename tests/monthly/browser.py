"""A real Chromium for tests: what a page looks like and measures in it. Without one a test is skipped as NOT RUN."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT_S = 180
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_PROBE = """<!DOCTYPE html><html><body><iframe id="page" style="border:0" width="{width}" height="8000" srcdoc="{page}">
</iframe><pre id="found"></pre><script>
document.getElementById("page").addEventListener("load", event => {{
  const page = event.target.contentDocument, root = page.documentElement, found = {{}};
  found.width = root.clientWidth;
  found.scroll_width = root.scrollWidth;
  found.text = page.body.innerText;
  found.marks = [...page.querySelectorAll("svg")].map(svg => ({{
    title: svg.getAttribute("aria-label"), width: svg.getBoundingClientRect().width,
    rects: [...svg.querySelectorAll("rect")].filter(r => r.getBoundingClientRect().width > 0).length,
    circles: svg.querySelectorAll("circle").length,
    least_letters: Math.min(...[...svg.querySelectorAll("text")].map(t => t.getBoundingClientRect().height)),
    beyond: [...svg.querySelectorAll("text")].filter(t => t.getBoundingClientRect().right > root.clientWidth + 1)
      .map(t => t.textContent)}}));
  found.loads = [...page.querySelectorAll("[src], link, script")].length;
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script></body></html>"""


def measured(page: str, width: int, directory: Path) -> dict[str, Any]:
    """Lay a page out at this width and return its text, how wide it is, and the marks of its plots."""
    probe = directory / f"probe-{width}.html"
    probe.write_text(_PROBE.format(width=width, page=escape(page, quote=True)), encoding="utf-8")
    shown = _run(directory, probe, "--dump-dom", f"--window-size={width + 40},900", "--virtual-time-budget=20000")
    text = shown.split('<pre id="found">', 1)[1].split("</pre>", 1)[0]
    found: dict[str, Any] = json.loads(unescape(text))
    return found


def screenshot(page: Path, width: int, height: int, out: Path) -> tuple[int, int]:
    """Take a picture; returns its width and height as the PNG says them."""
    _run(out.parent, page, f"--screenshot={out}", f"--window-size={width},{height}")
    head = out.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])  # type: ignore[return-value]


def chromium() -> str:
    """Chromium's path. Skips the test when there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("NOT RUN: no Chromium on PATH (Debian: chromium)")
    return found


def _run(directory: Path, page: Path, *flags: str) -> str:
    """One Chromium with a profile of its own; it and its children are gone afterwards."""
    profile = directory / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    command = [chromium(), *FLAGS, f"--user-data-dir={profile}", *flags, page.resolve().as_uri()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        try:
            shown, _ = process.communicate(timeout=WAIT_S)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    assert process.returncode == 0, f"Chromium ended with {process.returncode}"
    shutil.rmtree(profile, ignore_errors=True)
    return shown
