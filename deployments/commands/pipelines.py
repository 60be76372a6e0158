"""`keepfit check`, `schema` and `new`: pipeline files, checked, described for editors, and begun from data."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands.options import Output
from tasks.core.errors import ConfigInvalid

if TYPE_CHECKING:
    from config.schema import PipelineConfig


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("check")(check)
    app.command("schema")(schema)
    app.command("new")(new)


def check(pipelines: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None) -> None:
    """Check pipeline files; every error names the file, the line or key, the value and what is allowed."""
    from config.load import config_digest, load_pipeline, pipeline_files
    from config.settings import load_settings
    from tasks.core.errors import KeepfitError

    settings = load_settings()
    names = pipelines or [path.stem for path in pipeline_files(settings)]
    wrong = []
    for name in names:
        try:
            config = load_pipeline(name, settings)
            if faults := _unaskable(config):
                wrong += faults
                continue
            typer.echo(f"{name}: ok ({len(config.columns)} columns, configuration {config_digest(config)[:12]})")
        except KeepfitError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigInvalid("\n".join(wrong))
    if not names:
        raise ConfigInvalid(f"There are no pipelines in {settings.pipelines_dir}. Make one with `keepfit new`.")


def _unaskable(config: "PipelineConfig") -> list[str]:
    """Rules that no delivery would survive: of columns that there are not, or unknown to Great Expectations."""
    rules = config.validation.expectations
    if not rules:
        return []
    import pandas as pd

    from tasks.adapters.expectations import build  # it imports Great Expectations, which takes seconds

    declared = {column.name for column in config.columns}
    broken = build(rules, pd.DataFrame(), config.validation.engine)[1]
    for position, rule in enumerate(rules):
        if isinstance(name := rule.arguments.get("column"), str) and name not in declared:
            broken.setdefault(position, f"the columns of this file have no {name!r}.")
    where = f"{config.pipeline}.yaml: validation.expectations"
    return [f"{where}.{position}: {rules[position].rule}: {why}" for position, why in sorted(broken.items())]


def schema(
    output: Output = None,
) -> None:
    """Print the JSON Schema of a pipeline file, for editors."""
    from config.load import json_schema

    text = json.dumps(json_schema(), indent=2) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {output}")


def new(
    name: Annotated[str, typer.Argument(help="Name of the new pipeline: a-z, 0-9, - and _.")],
    source: Annotated[Path, typer.Option("--from", help="A CSV, JSON lines or Parquet file, or a folder of them.")],
    target: Annotated[str, typer.Option(help="The column that is to be predicted.")],
    time: Annotated[str | None, typer.Option(help="The column that tells when each row happened.")] = None,
    separator: Annotated[str | None, typer.Option(help="Between the fields; found out where not given.")] = None,
    labels: Annotated[Path | None, typer.Option(help="A file or folder of labels, where they do not stand in the rows: "
                                                     "an id, the target, when it became known.")] = None,
) -> None:  # fmt: skip
    """Write a commented first pipeline file from data, and register its deployments if Prefect runs."""
    from config.load import load_file, pipeline_path
    from config.settings import load_settings
    from deployments.first_look import first_look

    settings = load_settings()
    path = pipeline_path(name, settings)
    if path.exists():
        raise ConfigInvalid(f"{path} exists already; choose another name, or edit that file.")
    found, text = first_look(name, source, target, time, separator, labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    load_file(path)
    typer.echo(f"wrote {path}: {found.rows + found.repeated} rows looked at")
    for warning in found.warnings:
        typer.echo(f"  look: {warning}")
    for column in found.columns:
        if column.role == "ignore":
            typer.echo(f"  ignored: {column.name} ({'; '.join(column.evidence)})")
    _deploy(name)
    end = f" --to {found.end + timedelta(days=1):%Y-%m-%d}" if found.end else ""  # to the end of its last day
    typer.echo(f"Review the file, then replay its history through the loop: keepfit replay {name} --every 30d{end}")


def _deploy(name: str) -> None:
    from config.load import load_all, load_pipeline
    from config.settings import apply_environment, load_settings
    from deployments.render import deployments, render
    from tasks.core.errors import ServerUnavailable

    settings = load_settings()
    settings.deployments_file.write_text(render(load_all(settings).values()), encoding="utf-8")
    try:
        settings.prefect_api_url()
        apply_environment(settings)
        from deployments import register as prefect

        registered = prefect.register(deployments([load_pipeline(name, settings)]))
        typer.echo(f"registered {len(registered)} deployments with Prefect")
    except ServerUnavailable:
        typer.echo(f"Prefect does not run here: after `keepfit up`, register it with `keepfit deploy {name}`.")
