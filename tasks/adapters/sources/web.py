"""A server that is reached by httpx: one request, its redirects, and what goes wrong in our own words.

What is asked for and kept does not belong here. No address is told with its query, and no header at all.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.adapters.sources.variables import filled
from tasks.core.durations import Duration
from tasks.core.errors import ConfigInvalid, SourceUnavailable

if TYPE_CHECKING:
    import httpx

_REDIRECTS, _MOST_REDIRECTS = {301, 302, 303, 307, 308}, 5
_LATER = {408, 425, 429}
"""Answers of the 400s that another try may change."""


class Web(BaseModel):
    """How a server is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(min_length=1, description="http:// or https:// address, without user and password.")
    headers: dict[str, str] = Field(
        default={},
        description="Headers of each request, as {Authorization: Bearer $SHOP_TOKEN}; $VARIABLES are expanded, "
        "so that no token stands in the file.",
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="Other hosts that the server may redirect to; the headers are not sent to them."
    )
    timeout: Duration = Field(default="30s", validate_default=True, description="How long the server may be silent.")

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        import httpx

        try:
            found = httpx.URL(url)
        except httpx.InvalidURL:
            found = httpx.URL("")
        if found.scheme not in {"http", "https"} or not found.host:
            raise ValueError("write an address as https://host/path")
        if found.userinfo:
            raise ValueError("no user and password in the address: put a token into headers, as $VARIABLE")
        return url

    @contextmanager
    def connected(self) -> "Iterator[httpx.Client]":
        """A client for the requests of one run."""
        import httpx

        logging.getLogger("httpx").addFilter(_without_query)
        with httpx.Client(timeout=self.timeout.total_seconds(), follow_redirects=False) as client:
            yield client

    @contextmanager
    def asked(self, client: "httpx.Client", url: str, more: Mapping[str, str]) -> "Iterator[httpx.Response]":
        """The answer 200 or 304 to a request, not yet read; redirects are followed where they are allowed.

        Raises SourceUnavailable where another try may help: no answer, one that breaks off, 5xx; and ConfigInvalid
        where somebody has to act: any other 4xx, a redirect to a host that is not declared.
        """
        import httpx

        with self._told(url):
            at = httpx.URL(url)
            for _ in range(_MOST_REDIRECTS + 1):
                with client.stream("GET", at, headers=self._headers(at) | dict(more)) as answer:
                    if answer.status_code not in _REDIRECTS:
                        _judge(answer, shown(at))
                        yield answer
                        return
                    at = self._allowed(at, answer.headers.get("location", ""))
            raise SourceUnavailable(f"{shown(url)} redirects more than {_MOST_REDIRECTS} times. Correct source.url.")

    def resolved(self, base: Any, location: str) -> "httpx.URL":
        """An address that the server names. Raises ConfigInvalid where it leads to a host that is not declared."""
        import httpx

        return self._allowed(httpx.URL(base), location)

    def _allowed(self, at: "httpx.URL", location: str) -> "httpx.URL":
        import httpx

        try:
            to = at.join(location)
        except httpx.InvalidURL:
            raise SourceUnavailable(f"{shown(at)} redirects to what is no address. Tell who runs it.") from None
        own = httpx.URL(self.url).host
        if to.scheme not in {"http", "https"} or (at.scheme == "https" and to.scheme == "http"):
            raise ConfigInvalid(
                f"{shown(at)} leads to {to.scheme}://{to.host}, which is not encrypted. Tell who runs it."
            )
        if to.host != own and to.host not in self.hosts:
            raise ConfigInvalid(
                f"{shown(at)} leads to the host {to.host}, and only {', '.join([own, *self.hosts])} may be asked. "
                "Add it to source.hosts if it is right."
            )
        return to

    def _headers(self, to: "httpx.URL") -> dict[str, str]:
        """What is sent along: tokens only to the server that they are meant for, or the same one encrypted."""
        import httpx

        own = httpx.URL(self.url)
        same = (to.scheme, to.host, to.port) == (own.scheme, own.host, own.port)
        encrypted = to.host == own.host and (own.scheme, to.scheme, own.port, to.port) == ("http", "https", None, None)
        if not (same or encrypted):
            return {}
        return {name: filled(value, f"source.headers.{name}") for name, value in self.headers.items()}

    @contextmanager
    def _told(self, url: str) -> Iterator[None]:
        """Turns what httpx says into our errors: its texts may quote addresses and headers."""
        import httpx

        try:
            yield
        except httpx.TimeoutException:
            raise SourceUnavailable(
                f"{shown(url)} was silent for {self.timeout.total_seconds():g} s. Run again, or raise source.timeout."
            ) from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            raise ConfigInvalid(
                "source.headers holds what cannot be sent: a line end or letters that are not ASCII."
            ) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise SourceUnavailable(
                f"{shown(url)} did not answer, or broke off ({type(error).__name__}). "
                "Check that it runs and that source.url is right, then run again."
            ) from None


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """The address with these parameters beside its own."""
    import httpx

    return str(httpx.URL(url).copy_merge_params(dict(parameters)))


def shown(url: Any) -> str:
    """An address as it may be told: host and path."""
    import httpx

    return str(httpx.URL(url).copy_with(query=None, fragment=None, userinfo=b""))


def _judge(answer: "httpx.Response", where: str) -> None:
    code = answer.status_code
    if code in {200, 304}:
        return
    if code in _LATER or not answer.is_client_error:
        raise SourceUnavailable(f"{where} answered {code}, and 200 was expected. Run again later.")
    if code in {401, 403}:
        raise ConfigInvalid(f"{where} refuses to answer ({code}). Correct the token that source.headers names.")
    raise ConfigInvalid(f"{where} answered {code}: there is nothing to take. Correct source.url.")


def _without_query(record: logging.LogRecord) -> bool:
    # httpx logs each address whole; a server may have put a signature into the one that it redirects to.
    if isinstance(record.args, tuple):
        record.args = tuple(shown(arg) if type(arg).__name__ == "URL" else arg for arg in record.args)
    return True
