"""`keepfit approve`, `refuse` and `proposals`: what waits for people, and their answers."""

import getpass
from typing import Annotated, Literal

import typer

from deployments.commands.options import Pipeline
from deployments.commands.runs import connect

Proposal = Annotated[str, typer.Argument(metavar="ID", help="The proposal: its number, its key, or how one begins.")]
Who = Annotated[str | None, typer.Option(help="Who answers; the name of your account without it.")]
Why = Annotated[str, typer.Option(help="Why, for the journal.")]
Digest = Annotated[str, typer.Option(help="How the digest of the evidence that you read begins.")]
Answer = Literal["approve", "refuse"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("approve")(approve)
    app.command("refuse")(refuse)
    app.command("proposals")(proposals)


def approve(pipeline: Pipeline, proposal: Proposal, why: Why, who: Who = None, digest: Digest = "") -> None:
    """Approve a proposal: the version is promoted, or the retraining starts, if the evidence still stands."""
    _answer(pipeline, proposal, why, who, "approve", digest)


def refuse(pipeline: Pipeline, proposal: Proposal, why: Why, who: Who = None) -> None:
    """Refuse a proposal: the champion stays, and the proposal has ended."""
    _answer(pipeline, proposal, why, who, "refuse", "")


def _answer(pipeline: str, proposal: str, why: str, who: str | None, answer: Answer, digest: str) -> None:
    connect(pipeline)
    from flows.approval import approval_flow

    outcome, reason = approval_flow(pipeline, proposal, who or getpass.getuser(), why, answer, digest)
    typer.echo(f"{outcome}: {reason}")


def proposals(pipeline: Pipeline) -> None:
    """Show what waits for people: what was proposed, until when it can be answered, and its evidence's digest."""
    from rich.console import Console
    from rich.table import Table

    from config.opening import open_pipeline
    from tasks.core import approval

    _, session = open_pipeline(pipeline, None, "reading")
    table = Table("#", "what", "until", "digest")
    table.add_column("why", overflow="fold")
    entries = session.journal.entries()
    for entry in approval.waiting_since(entries):
        told = entry.decision.evidence
        what = f"version {told['version']}" if entry.decision.kind == "promotion" else "a retraining"
        by = "".join(f"; approved by {who}" for who in approval.supporters(entries, entry.decision))
        row = (str(entry.sequence), what, str(told["expires_at"])[:16], str(told["digest"])[:12])
        table.add_row(*row, entry.decision.reason + by)
    Console().print(table if table.rows else f"Nothing waits in {pipeline}.")
