"""How the pages of a JSON answer follow each other: one class per way. Asking for them does not belong here."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.errors import ConfigInvalid

Following = Mapping[str, str] | str | None
"""The next page: parameters beside those of the first, or an address; None: there is none."""


class _Pages(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def first(self) -> dict[str, str]:
        """The parameters of the first page."""
        return {}


class One(_Pages):
    """The answer is whole."""

    kind: Literal["one"] = "one"

    def following(self, number: int, body: Any, links: Mapping[str, str], records: int) -> Following:
        """None."""
        return None


class Numbered(_Pages):
    """Pages have numbers; the last is followed by an empty one."""

    kind: Literal["number"] = "number"
    parameter: str = "page"
    begin: int = Field(default=1, ge=0, description="The number of the first page.")

    @property
    def first(self) -> dict[str, str]:
        """The first number."""
        return {self.parameter: str(self.begin)}

    def following(self, number: int, body: Any, links: Mapping[str, str], records: int) -> Following:
        """The next number, until a page is empty."""
        return {self.parameter: str(self.begin + number)} if records else None


class Cursor(_Pages):
    """Each answer names what the next request has to give back."""

    kind: Literal["cursor"] = "cursor"
    parameter: str = "cursor"
    path: str = Field(default="next_cursor", min_length=1, description="Where it stands in the answer: a.b.c.")
    omitted: bool = Field(default=False, description="Whether the last answer leaves it out, instead of giving null.")

    def following(self, number: int, body: Any, links: Mapping[str, str], records: int) -> Following:
        """What the answer names. Raises ConfigInvalid where it is left out and may not be."""
        told = _told(body, self.path, self.omitted)
        return {self.parameter: told} if told else None


class Link(_Pages):
    """Each answer names the next page's address: in its Link header (RFC 8288), or in its body."""

    kind: Literal["link"] = "link"
    path: str | None = Field(default=None, min_length=1, description="Where it stands in the body; else the header.")
    omitted: bool = Field(default=False, description="Whether the last body leaves it out, instead of giving null.")

    def following(self, number: int, body: Any, links: Mapping[str, str], records: int) -> Following:
        """The address that the answer names. Raises ConfigInvalid where it is left out and may not be."""
        return (links.get("next") if self.path is None else _told(body, self.path, self.omitted)) or None


Pages = Annotated[One | Numbered | Cursor | Link, Field(discriminator="kind")]


def found(body: Any, path: str) -> Any:
    """What stands at a.b.c in an answer; the answer itself where the path is empty. Raises KeyError."""
    for name in path.split(".") if path else ():
        if not isinstance(body, dict):
            raise KeyError(name)
        body = body[name]
    return body


def _told(body: Any, path: str, omitted: bool) -> str:
    try:
        told = found(body, path)
    except KeyError:
        told = None if omitted else False
    if told is not None and not isinstance(told, str):
        raise ConfigInvalid(
            f"A page holds nothing at source.pages.path {path!r} that could lead on: the rows behind it would be lost. "
            "Correct it, or set source.pages.omitted to true if the last page leaves it out."
        )
    return told or ""
