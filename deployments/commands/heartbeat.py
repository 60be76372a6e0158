"""`keepfit heartbeat`: does anything run at all? For cron or any supervisor outside Prefect; needs no server."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from tasks.core.errors import ConfigInvalid, KeepfitError, TerminalError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("heartbeat")(heartbeat)


def heartbeat(
    pipelines: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    max_age: Annotated[
        list[str] | None,
        typer.Option(help="SIGN=DURATION, for example data=2d; signs: cycle, reconciliation, model, data, labels."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what is wrong.")] = False,
) -> None:
    """Exit with status 1 and the reasons when a sign of life is missing or too old; 0 otherwise.

    Without limits of their own, cycle and reconciliation may miss one slot of their schedule: the second is noticed.
    """
    from config.load import load_all, load_pipeline
    from config.settings import load_settings
    from tasks.core.heartbeat import dead

    settings = load_settings()
    known = {name: load_pipeline(name, settings) for name in pipelines} if pipelines else load_all(settings)
    if not known:
        raise ConfigInvalid(f"There are no pipelines in {settings.pipelines_dir}, so nothing can be alive.")
    given, now = _limits(max_age or []), datetime.now(UTC)
    answers = {name: _answers(config, settings, given, now) for name, config in known.items()}
    if not quiet:
        for name, checks in answers.items():
            for check in checks:
                typer.echo(f"{name}: {check.name}: {check.verdict}: {check.reason}")
    if reasons := dead(answers):
        raise TerminalError("\n".join(["not everything is alive", *reasons]))


def _limits(given: list[str]) -> dict[str, str]:
    from tasks.core.heartbeat import MaxAge

    found = dict(one.partition("=")[::2] for one in given)
    try:
        MaxAge.model_validate(found)
    except ValueError:
        raise ConfigInvalid(
            f"--max-age {' '.join(given)}: write SIGN=DURATION, for example data=2d; "
            f"signs: {', '.join(MaxAge.model_fields)}."
        ) from None
    return found


def _answers(config: Any, settings: Any, given: dict[str, str], now: datetime) -> list[Any]:
    """Every answer about one pipeline; what cannot be read is unknown, which is not alive."""
    from config.living import planned_of, signs_of
    from config.opening import open_pipeline
    from tasks.core.heartbeat import MaxAge, judge
    from tasks.core.results import Check, Verdict
    from tasks.living import read_life

    limits = MaxAge.model_validate(config.alerts.max_age.model_dump(exclude_none=True) | given)
    try:
        _, session = open_pipeline(config.pipeline, None, "heartbeat", settings)
        signs = signs_of(config, settings, limits, read_life(session), now)
    except KeepfitError as error:
        return [Check("store", Verdict.UNKNOWN, str(error))]
    return judge(signs, planned_of(config, settings, now), now)
