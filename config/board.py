"""The board of all pipelines of a machine: reads each one's tables, and writes the page whole."""

from datetime import datetime, timedelta
from pathlib import Path

from config.load import load_pipeline, pipeline_files
from config.opening import open_pipeline
from config.settings import Settings
from tasks.adapters.board_page import render_board
from tasks.core.board import Card, Facts, card_of, unreadable
from tasks.core.errors import ConfigInvalid, KeepfitError
from tasks.living import read_life
from tasks.telling import known_incidents

FILE = "board.html"


def write_board(settings: Settings, as_of: datetime, path: Path | None = None) -> tuple[Path, tuple[str, ...]]:
    """Write the page (to board.html in the home folder without a path); readers see the old one or the new one.

    Gives its path, and which pipelines could not be read and why: their cards say so, too.
    """
    target = path or settings.home / FILE
    cards = [_card(file.stem, settings, as_of) for file in pipeline_files(settings)]
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.write_text(render_board(cards, as_of), encoding="utf-8")
    unfinished.replace(target)
    return target, tuple(f"{card.pipeline}: {card.why}" for card in cards if card.why)


def _card(pipeline: str, settings: Settings, as_of: datetime) -> Card:
    try:
        config = load_pipeline(pipeline, settings)
        _, session = open_pipeline(pipeline, as_of, "board", settings)
        incidents, entries = known_incidents(session), session.journal.entries()
        life = read_life(session, entries)
    except KeepfitError as error:
        # The message may hold a value of the file; its kind tells enough for a page that others see.
        ask = "check" if isinstance(error, ConfigInvalid) else "verify"
        return unreadable(pipeline, f"{type(error).__name__}: see `keepfit {ask} {pipeline}`")
    ages = {"Newest data": life.newest_event, "Newest labels": life.newest_labels}
    # Runs finish by the clock: as of a past moment, in a replay, that tells nothing.
    ages |= {f"Last {stage}": life.finished[stage] for stage in ("cycle", "reconciliation")
             if stage in life.finished and life.finished[stage] - as_of < timedelta(days=1)}  # fmt: skip
    facts = Facts(config.description, config.metric, config.alerts, config.governor, life.reign, life.promoted, ages)
    return card_of(pipeline, facts, entries, incidents, as_of)
