"""A file behind an address: fetched when it has changed, kept as it came, and each content taken in once.

The server's ETag only spares fetching: which contents were taken in is known from the names of the deliveries.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tasks.adapters.sources import fetched
from tasks.adapters.sources.files import Listing
from tasks.adapters.sources.readable import Readable
from tasks.adapters.sources.web import Web, shown
from tasks.core.errors import ConfigInvalid, SourceUnavailable

if TYPE_CHECKING:
    import httpx

_SURE = timedelta(minutes=1)
"""A file may change twice within the second that Last-Modified tells; once it is this old it is told apart."""


class Http(Readable, Web):
    """A file of a web server: CSV, JSON lines or Parquet, packed or not; each content of it is one delivery."""

    kind: Literal["http"] = "http"
    fetches: ClassVar[bool] = True
    repeats: ClassVar[bool] = False

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Fetch the file into the inbox if it has changed; its bytes are kept before anything parses them.

        Raises SourceUnavailable when the server does not answer or breaks off, and ConfigInvalid when it refuses.
        """
        fetched.clear(inbox, ingested)
        taken = {*ingested, *(path.name for path in fetched.waiting(inbox))}
        seen = fetched.seen(inbox)
        known = seen if seen.get("url") == self.url and seen.get("name") in taken else {}
        with self.connected() as client, self.asked(client, self.url, _condition(known)) as answer:
            if answer.status_code != HTTPStatus.NOT_MODIFIED:
                name = self._fetch(answer, inbox, taken)
                fetched.note(inbox, {"url": self.url, "name": name} | _validators(answer))
            elif not known:
                raise SourceUnavailable(f"{shown(self.url)} answered 304 to a request without a condition. Run again.")

    def listing(self, inbox: Path) -> Listing:
        """What waits in the inbox, as it was fetched."""
        return Listing(tuple(fetched.waiting(inbox)), ())

    def _fetch(self, answer: "httpx.Response", inbox: Path, taken: Collection[str]) -> str:
        """Write the answer's bytes into the inbox, whole or not at all, and give the delivery's name."""
        length = answer.headers.get("content-length")
        if length is None and "chunked" not in answer.headers.get("transfer-encoding", "").lower():
            raise ConfigInvalid(
                f"{shown(self.url)} does not say how long the file is: one that is cut off would pass for whole. "
                "Let the server send Content-Length, or fetch the file into a folder source."
            )
        return fetched.put(inbox, _named(answer), self._chunks(answer, length), taken)

    def _chunks(self, answer: "httpx.Response", length: str | None) -> Iterator[bytes]:
        size = 0
        for chunk in answer.iter_raw(1 << 16):
            size += len(chunk)
            if size > self.max_size:
                raise ConfigInvalid(f"{shown(self.url)} is larger than source.max_size, {int(self.max_size)} bytes.")
            yield chunk
        if length is not None and size != int(length):
            raise SourceUnavailable(f"{shown(self.url)} broke off at {size} of {length} bytes. Run again.")


def _named(answer: "httpx.Response") -> str:
    """The file's name in the address that answered, with the ending of what it is packed with on its way."""
    name = answer.url.path.rpartition("/")[2]
    packed = answer.headers.get("content-encoding", "identity").lower()
    if packed not in {"identity", "gzip", "x-gzip"}:
        raise ConfigInvalid(f"{shown(answer.url)} answers packed as {packed}, and plain bytes or gzip were asked for.")
    return name if packed == "identity" or name.lower().endswith(".gz") else f"{name}.gz"


def _condition(seen: dict[str, Any]) -> dict[str, str]:
    asked = {"Accept-Encoding": "identity"}
    if seen.get("etag"):
        return asked | {"If-None-Match": seen["etag"]}
    return asked | ({"If-Modified-Since": seen["modified"]} if seen.get("modified") else {})


def _validators(answer: "httpx.Response") -> dict[str, str]:
    etag, modified, now = (answer.headers.get(name) for name in ("etag", "last-modified", "date"))
    if etag:
        return {"etag": etag}
    try:
        sure = modified and now and parsedate_to_datetime(now) - parsedate_to_datetime(modified) >= _SURE
    except (ValueError, TypeError):
        sure = False
    return {"modified": str(modified)} if sure else {}
