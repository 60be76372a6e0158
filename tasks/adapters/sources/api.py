"""Paged JSON of a web server, taken in by a field that only grows: each record once, and no page left out.

How far it was taken in stands in the names of the deliveries, which the store keeps: nothing else remembers it.
"""

import json
import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ByteSize, Field

from tasks.adapters.sources import inbox as inboxes
from tasks.adapters.sources.files import Listing
from tasks.adapters.sources.json_lines import nested_in, read_json
from tasks.adapters.sources.pages import Pages, found
from tasks.adapters.sources.spool import Mark, Spool, mark_at, spooling
from tasks.adapters.sources.web import Web, shown, with_query
from tasks.core.durations import Duration
from tasks.core.errors import ConfigInvalid, DataRejected, SourceUnavailable

if TYPE_CHECKING:
    import httpx
    import pandas as pd

_WALKS, _ALIKE = 5, 10
"""How often pages that shift are walked, and how many pages in a row may be the same to the letter."""


class Api(Web):
    """A list of flat records: each run takes in those whose watermark lies behind the last one that was taken in."""

    kind: Literal["api"] = "api"
    fetches: ClassVar[bool] = True
    repeats: ClassVar[bool] = False
    records: str = Field(default="", description="Where the list stands in an answer: a.b.c; empty: it is the answer.")
    id: str = Field(min_length=1, description="The field that tells records apart.")
    watermark: str = Field(
        min_length=1,
        description="A field that is never empty and grows with every change: a time (UTC where it has no zone), a day "
        "or a running number. It stands in the names of deliveries, so nothing personal.",
    )
    since: str | None = Field(
        default=None,
        min_length=1,
        description="The parameter that asks for records from a watermark on, if any.",
    )
    pages: Pages = Field(description="How pages follow each other: one, number, cursor or link.")
    steady: bool = Field(
        default=False,
        description="Whether the server promises that records do not move between pages while they are read. Else "
        "pages are read again until two readings bring the same.",
    )
    rows: int = Field(default=50_000, ge=1, le=10_000_000, description="About how many records one delivery holds.")
    limit: ByteSize = Field(default=ByteSize(64_000_000), gt=0, description="The largest page, for example 10MB.")
    lag: Duration = Field(
        default="1m",
        validate_default=True,
        description="Leave records whose time is younger: older ones may still come.",
    )

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Write the records behind the last watermark into the inbox, once every page has come.

        Raises SourceUnavailable when the server does not answer, breaks off or moves records faster than they are read;
        ConfigInvalid when it refuses what the pipeline's file says; DataRejected for what is no flat record.
        """
        inboxes.clear(inbox, ingested)
        last = inboxes.last_mark([*ingested, *(path.name for path in inboxes.waiting(inbox))])
        with spooling(inbox) as spool, self.connected() as client:
            for walk in range(1, _WALKS + 1):
                settled, like = self._walk(client, spool, last, as_of - self.lag, walk)
                if settled:
                    break
            else:
                raise SourceUnavailable(f"{shown(self.url)} moves records faster than they can be read. Run again.")
            for lines, place in spool.parts(self.rows):
                inboxes.put_lines(inbox, lines, mark_at(place, like))

    def listing(self, inbox: Path) -> Listing:
        """What waits in the inbox, the lowest watermark first."""
        return Listing(tuple(inboxes.waiting(inbox)), ())

    def read(self, path: Path) -> "pd.DataFrame":
        """Every record of a delivery as text, one index label per row from 0. Raises SourceUnavailable."""
        return inboxes.read(path)

    def _walk(self, client: "httpx.Client", spool: Spool, last: Any, until: datetime, walk: int) -> tuple[bool, Any]:
        """Read all pages: whether nothing can have moved meanwhile, and one of the marks."""
        same, number, like = True, 0, last
        for page in self._pages(client, last):
            number += 1
            for record in page:
                mark: Any = self._mark(record)
                like = inboxes.highest([mark] if like is None else [mark, like])  # says so when they are of two types
                newest: Any = inboxes.newest_of(mark, until)
                if newest is None or mark <= newest:
                    line = json.dumps(record) if last is None or mark > last else None
                    same &= spool.add(self._id(record), mark, line, walk)
        moved = number > 1 and not self.steady and not (same and not spool.saw_more(walk - 1))
        return not moved, like

    def _pages(self, client: "httpx.Client", last: Mark | None) -> Iterator[list[dict[str, Any]]]:
        since = {self.since: _asked(last)} if self.since and last is not None else {}
        first = with_query(self.url, since)
        url, seen, alike, number = with_query(first, self.pages.first), set(), 0, 0
        before = b""
        while True:
            if url in seen:
                raise ConfigInvalid(f"The pages of {shown(self.url)} lead in a ring. Correct source.pages.")
            seen.add(url)
            number += 1
            content, links = self._content(client, url)
            body, page = self._parsed(content, number)
            digest = sha256(content).digest()
            alike, before = (alike + 1 if page and digest == before else 0), digest
            if alike >= _ALIKE:
                raise ConfigInvalid(
                    f"{alike + 1} pages of {shown(self.url)} are the same: the server does not know how source.pages "
                    "asks for the next one. Correct it."
                )
            yield page
            following = self.pages.following(number, body, links, len(page))
            if following is None:
                return
            url = str(self.resolved(url, following)) if isinstance(following, str) else with_query(first, following)

    def _content(self, client: "httpx.Client", url: str) -> tuple[bytes, dict[str, str]]:
        with self.asked(client, url, {"Accept": "application/json"}) as answer:
            content = bytearray()
            for chunk in answer.iter_bytes(1 << 16):
                content += chunk
                if len(content) > self.limit:
                    raise ConfigInvalid(
                        f"A page of {shown(self.url)} is larger than source.limit, {int(self.limit)} bytes. "
                        "Ask for smaller ones, or raise it."
                    )
            return bytes(content), {name: str(link.get("url", "")) for name, link in answer.links.items() if name}

    def _parsed(self, content: bytes, number: int) -> tuple[Any, list[dict[str, Any]]]:
        where = f"Page {number} of {shown(self.url)}"
        try:
            body = read_json(content)
        except (ValueError, RecursionError):
            raise SourceUnavailable(
                f"{where} is no JSON, is cut off, or names a field twice. Run again, or correct source.url."
            ) from None
        try:
            page = found(body, self.records)
        except KeyError:
            page = None
        if not isinstance(page, list):
            raise ConfigInvalid(f"{where} has no list at source.records {self.records!r}. Correct it.")
        if any(not isinstance(record, dict) or nested_in(record) for record in page):
            raise DataRejected(
                f"{where} holds what is no flat record: values inside of values. Have it delivered flat."
            )
        return body, page

    def _id(self, record: dict[str, Any]) -> str:
        told = record.get(self.id)
        if told is None or told == "":
            raise ConfigInvalid(f"source.id {self.id!r} is empty in some records. Choose another field.")
        return str(told)

    def _mark(self, record: dict[str, Any]) -> Mark:
        told = record.get(self.watermark)
        if not isinstance(told, str) or not told:
            raise ConfigInvalid(f"source.watermark {self.watermark!r} is empty in some records. Choose another field.")
        try:
            if re.fullmatch(r"-?\d+", told, re.ASCII):
                return int(told)
            if len(told) == len("2024-05-01"):
                return date.fromisoformat(told)
            moment = datetime.fromisoformat(told)
        except ValueError:
            raise ConfigInvalid(
                f"source.watermark {self.watermark!r} is text and no time. Choose a time (ISO 8601) or a number."
            ) from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _asked(last: Mark) -> str:
    return last.isoformat().replace("+00:00", "Z") if isinstance(last, date) else str(last)
