"""`keepfit deploy`: registers the deployments with Prefect and says what became of each. No decisions here."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("deploy")(deploy)


def deploy(
    pipelines: Annotated[
        list[str] | None, typer.Argument(metavar="[PIPELINE]...", help="Which; all if none is named.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Also write deployments/prefect.yaml, for all pipelines.")
    ] = False,
    reset_schedules: Annotated[
        bool, typer.Option("--reset-schedules", help="Let the file's schedules win over edits made in the Prefect UI.")
    ] = False,
) -> None:
    """Register the deployments; schedules edited, paused or deleted in the Prefect UI stay as they are."""
    from rich.console import Console
    from rich.table import Table

    from config.load import load_all, load_pipeline
    from config.settings import apply_environment, load_settings
    from deployments.render import deployments, render

    console, settings = Console(), load_settings()
    every = load_all(settings)
    if write:
        settings.deployments_file.write_text(render(every.values()), encoding="utf-8")
        console.print(f"wrote {settings.deployments_file}")
    chosen = [load_pipeline(name, settings) for name in pipelines] if pipelines else list(every.values())
    settings.prefect_api_url()
    apply_environment(settings)
    from deployments import register as prefect

    results = prefect.register(deployments(chosen), reset=reset_schedules)
    table = Table("deployment", "", "schedule")
    for result in results:
        table.add_row(result.deployment, result.change, result.schedule)
    console.print(table)
    for result in results:
        for edit in result.kept:
            console.print(
                f"[yellow]kept[/] the schedule of {result.deployment}, {edit}; the file says {result.wanted}."
            )
    if any(result.kept for result in results):
        names = "".join(f" {name}" for name in pipelines or [])
        console.print(f"To take the file's schedules instead: keepfit deploy{names} --reset-schedules")
