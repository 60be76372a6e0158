"""Opens a pipeline for one run: its checked configuration and the session that its tasks work in."""

from datetime import UTC, datetime

from config.load import load_pipeline
from config.schema import PipelineConfig
from config.settings import Settings, load_settings
from tasks.adapters.store import Store, folders
from tasks.core.errors import ConfigInvalid
from tasks.core.privacy.keys import read_keys
from tasks.session import Session


def open_pipeline(
    name: str, as_of: datetime | None, run_id: str, settings: Settings | None = None
) -> tuple[PipelineConfig, Session]:
    """The pipeline's configuration, and a session that decides as of a moment (now, where none is given).

    Raises:
        NotFound: there is no such pipeline.
        ConfigInvalid: its file is wrong or cannot be kept, or `as_of` has no time zone.
    """
    settings = settings or load_settings()
    config = load_pipeline(name, settings)
    if as_of is not None and as_of.tzinfo is None:
        raise ConfigInvalid(f"as_of {as_of.isoformat()} has no time zone. Write it with one: {as_of.isoformat()}+00:00")
    moment = datetime.now(UTC) if as_of is None else as_of.astimezone(UTC)
    keys = read_keys(settings.privacy_keys.get_secret_value())
    if config.privacy.protection.names(config.columns):
        _ = keys.current  # a run that could not name anybody ends before it reads anything
    store = Store(settings.store, name)
    if config.privacy.retention.terms:
        folders.require_local(settings.store, "privacy.retention")  # nothing may seem to go that stays
    return config, Session(store, settings.control_url, moment, run_id, keys=keys)
