"""What `keepfit new` does with somebody's files: find how they are written, read all, profile them, draft the pipeline.

Commands and what they print stand in `deployments.commands`.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import ConfigInvalid, DataRejected

if TYPE_CHECKING:
    import pandas as pd

    from tasks.adapters.sources import Folder
    from tasks.core.profile import Profile
    from tasks.core.strays import LabelKeys

_ENDINGS = ("csv", "txt", "tsv", "parquet", "pq", "jsonl", "ndjson")


@dataclass(frozen=True)
class Found:
    """Files read as texts ("" = missing), the source that reads them, and the columns that some of them do not hold."""

    text: "pd.DataFrame"
    source: "Folder"
    optional: frozenset[str]

    @property
    def encoding(self) -> str:
        """The encoding, where it has to be declared."""
        return "" if self.source.encoding == "utf-8-sig" else self.source.encoding


def first_look(
    name: str, source: Path, target: str, time: str | None, separator: str | None, labels: Path | None
) -> "tuple[Profile, str]":
    """The profile of the files at `source`, and the text of the pipeline's file.

    Raises ConfigInvalid and DataRejected for files and columns that are not there, cannot be read or hold no history.
    """
    from config.scaffold import Files, scaffold
    from tasks.adapters.personal import survey
    from tasks.core.profile import profile
    from tasks.core.strays import label_keys

    events = read_all(source, separator, "--from")
    if labels is None:
        section, text, key = None, events.text, None
    else:
        late = read_all(labels, separator, "--labels")
        key = label_keys(events.text, late.text, target)
        text = events.text.drop(columns=target, errors="ignore")
        answers = late.text.drop_duplicates(key.id, keep="last").set_index(key.id)
        text[target] = text[key.event_id].map(answers[target]).fillna("")
    found = profile(text, target, time, None if key is None else key.event_id, survey(text))
    if key is not None:
        section = _labels_section(late, key, text, found)
    drafted = scaffold(
        name, found, events.source.path, events.source.pattern, events.source.separator,
        Files(events.encoding, events.optional, section),
    )  # fmt: skip
    return found, drafted


def read_all(source: Path, separator: str | None, option: str) -> Found:
    """Every row of a file or of the files of a folder. Raises ConfigInvalid and DataRejected."""
    import pandas as pd

    from tasks.adapters.sources import Folder
    from tasks.core.columns import texts_of

    if not source.exists():
        raise ConfigInvalid(f"{option} {source} does not exist; name a file of data or a folder of such files.")
    path, pattern = (source, _pattern(source, option)) if source.is_dir() else (source.parent, source.name)
    folder = Folder(path=str(path.absolute()), pattern=pattern, settle="0s")
    files = folder.listing(path).ready
    if not files:
        raise ConfigInvalid(f"{option} {source} holds no {pattern} file.")
    folder = _described(folder, files, separator)
    parts = [texts_of(part) for file in files if len(part := folder.read(file))]
    if not parts:
        raise DataRejected(f"{option} {source}: a header and no rows. Give a file that holds some history.")
    whole = pd.concat(parts, ignore_index=True).fillna("")
    lacking = {str(name) for name in whole for part in parts if name not in part or (part[name] == "").all()}
    return Found(whole, folder, frozenset(lacking) if len(parts) > 1 else frozenset())


def _pattern(folder: Path, option: str) -> str:
    counts = {ending: len(list(folder.glob(f"*.{ending}"))) for ending in _ENDINGS}
    there = {ending: count for ending, count in counts.items() if count}
    if len(there) > 1:
        told = ", ".join(f"{count} *.{ending}" for ending, count in there.items())
        raise ConfigInvalid(f"{option} {folder} holds {told}: one pipeline reads one kind. Move the others away.")
    return f"*.{next(iter(there), _ENDINGS[0])}"


def _described(folder: "Folder", files: Any, separator: str | None) -> "Folder":
    from tasks.adapters.sources.dialect import encoding_of, separator_of
    from tasks.adapters.sources.readable import ENDINGS

    texts = [file for file in files if file.suffix.lower() not in ENDINGS]
    if not texts:
        return folder
    encoding = max(map(encoding_of, texts), key=lambda found: found != "utf-8-sig")
    return folder.model_copy(update={"encoding": encoding, "separator": separator or separator_of(texts[0], encoding)})


def _labels_section(late: Found, keys: "LabelKeys", events: "pd.DataFrame", found: "Profile") -> dict[str, object]:
    from tasks.core.column_types import guess_type
    from tasks.core.durations import format_duration
    from tasks.core.strays import due_after

    section: dict[str, object] = {"kind": "folder", "path": late.source.path, "pattern": late.source.pattern}
    section |= {"separator": late.source.separator} if late.source.separator != "," else {}
    section |= {"encoding": late.encoding} if late.encoding else {}
    section |= {"id": keys.id, "label": keys.label}
    if keys.known_at is None:
        return section
    known = guess_type(late.text[keys.known_at])
    section |= {"known_at": keys.known_at} | ({"known_format": known.format} if known.format else {})
    if found.time is None:
        return section
    times = guess_type(events[found.time]).parsed
    came = known.parsed.groupby(late.text[keys.id]).last()
    delay = due_after(times, events[keys.event_id].map(came))
    return section | {"delay": format_duration(delay or timedelta(0))}
