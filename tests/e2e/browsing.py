"""A real headless Chromium: how it is found and started, what was read in it, and pictures of pages for the README.

What a page must show belongs in the tests.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.e2e.needs import is_missing

PATIENCE = 60_000
"""Milliseconds to wait for anything to appear: pages of a busy machine take their time."""
LARGEST_PICTURE = 200 * 1024
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip


def find_chromium() -> str:
    """The installed Chromium."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        is_missing("Chromium", "chromium")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the length of a block."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(_SWITCHES))
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A person at a page: goes places, reads, and remembers what was read and whom the pages talked to."""

    page: Page
    texts: dict[str, str] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))

    def go(self, address: str, *, until: str) -> None:
        """Open an address and wait until a text stands there."""
        self.page.goto(address)
        self.sees(until)

    def follow(self, link: Locator) -> None:
        """Go where a link leads."""
        self.page.goto(urljoin(self.page.url, link.get_attribute("href") or ""))

    def sees(self, *texts: str) -> None:
        """Wait until each text stands on the page."""
        for text in texts:
            expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()

    def read(self, where: Locator | None = None) -> str:
        """The visible text, remembered."""
        text = (where or self.page.locator("body")).inner_text()
        self.texts[self.page.url] = self.texts.get(self.page.url, "") + text
        return text

    def picture(self, name: str, folder: Path) -> Path:
        """A picture of what the window shows."""
        path = folder / f"{name}.png"
        self.page.screenshot(path=path, animations="disabled", scale="css")
        return path

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname:
            self.hosts.add(parts.hostname)
