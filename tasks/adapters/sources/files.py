"""Files of a folder: which of them have settled. How one is read does not belong here.

Files that are still being written are left alone until they have settled.
"""

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from tasks.adapters.sources import elsewhere, fetched
from tasks.adapters.sources.names import UNFINISHED
from tasks.adapters.sources.readable import Readable
from tasks.adapters.sources.variables import filled
from tasks.core.durations import Duration
from tasks.core.errors import SourceUnavailable
from tasks.core.printable import printable


@dataclass(frozen=True)
class Listing:
    """The settled files of a source, oldest name first, and the names of those that are still being written.

    `left_out` tells of what is called like a delivery and is none, by the rule that it breaks.
    """

    ready: tuple[Path, ...]
    unsettled: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


class Files(Readable):
    """Files in a folder, each of them one delivery."""

    repeats: ClassVar[bool] = False
    """Whether rows may come again that were taken in before."""

    path: str = Field(
        min_length=1,
        description="The folder; ~ and $VARIABLES are expanded, relative paths count from where Keepfit runs. Or an "
        "address that an installed fsspec driver reaches: s3://bucket/folder.",
    )
    pattern: str = Field(default="*.csv", description="Which files in it, as a glob.")
    settle: Duration = Field(
        default="2s", validate_default=True, description="Leave a file alone until it is this old."
    )

    options: dict[str, str] = Field(
        default={}, description="Options of the fsspec driver; $VARIABLES are expanded, so that no secret stands here."
    )

    @property
    def fetches(self) -> bool:
        """Whether deliveries are fetched into the inbox; else they lie where the source says."""
        return "://" in self.path

    @property
    def folder(self) -> Path:
        """The folder on this machine; the configuration itself keeps the path as written."""
        return Path(os.path.expandvars(self.path)).expanduser()

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Fetch what lies elsewhere; ordinary folders are filled by somebody else. Raises as `elsewhere.fetch`."""
        if self.fetches:
            options = {name: filled(value, f"source.options.{name}") for name, value in self.options.items()}
            room, settle = elsewhere.room_of(inbox, self.path, self.pattern), self.settle.total_seconds()
            elsewhere.fetch(filled(self.path, "source.path"), options, self.pattern, settle, room, ingested)

    def listing(self, inbox: Path) -> Listing:
        """What lies in the folder now.

        Raises:
            SourceUnavailable: the folder does not exist or cannot be listed.
        """
        if self.fetches:
            room = elsewhere.room_of(inbox, self.path, self.pattern)
            return Listing(tuple(fetched.waiting(room)), elsewhere.unsettled(room))
        if not self.folder.is_dir():
            raise SourceUnavailable(
                f"The source folder {self.folder} does not exist. "
                "Create it, or change source.path in the pipeline's file."
            )
        try:
            with os.scandir(self.folder):  # what cannot be listed looks empty to a glob
                found = sorted(f for f in self.folder.glob(self.pattern) if not f.name.endswith(UNFINISHED))
            left_out = {f: rule for f in found if (rule := _no_delivery(f, self.folder))}
            ages = {f: time.time() - f.stat().st_mtime for f in found if f not in left_out}
        except OSError as error:
            raise SourceUnavailable(
                f"The source folder {self.folder} cannot be listed ({error.strerror}). Check its permissions."
            ) from None
        settled = tuple(f for f, age in ages.items() if age >= self.settle.total_seconds())
        unsettled = tuple(printable(f.name) for f in ages if f not in settled)
        return Listing(settled, unsettled, {printable(f.name): rule for f, rule in left_out.items()})


def _no_delivery(path: Path, folder: Path) -> str:
    """The rule by which something in the folder is no delivery; empty for a file. Links may not lead out of it."""
    if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(folder.resolve())):
        return "file:link"
    if path.is_file():
        return ""
    return "file:folder" if path.is_dir() else "file:special"
