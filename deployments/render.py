"""The deployed surface as data: one deployment per flow and pipeline, and the text of `deployments/prefect.yaml`.

Pure: pipelines in, dictionaries and text out. Talking to a Prefect server belongs to `register.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import yaml

from config.schedules import Schedule, Schedules

WORK_POOL = "keepfit"
TAG = "keepfit"

# Interval slots are counted from this Monday. Without a fixed anchor Prefect counts from the moment of the deploy,
# and every redeploy would move the slots.
ANCHOR = "2024-01-01T00:00:00+00:00"

# ENQUEUE, not CANCEL_NEW: a run carries something that must not be dropped (a training's token, a promotion's version,
# an `as_of`), and a slot held by a dead worker would cancel every later run in silence; a queue is seen and drains.
# What piles up while no worker runs is cheap: a late run decides as of now and finds nothing left to do.
# The grace period frees the slot of a run whose worker died before it started.
ONE_AT_A_TIME = {"limit": 1, "collision_strategy": "ENQUEUE", "grace_period_seconds": 120}

AS_OF = "the moment as which the run decides, in UTC; leave it empty for now, set it to replay the past"
PIPELINE = "which pipeline, by the name of its file in `config/pipelines/`; already filled in here"


class Pipeline(Protocol):
    """What a deployment needs to know of a pipeline; `config.schema.PipelineConfig` has it."""

    @property
    def pipeline(self) -> str: ...  # noqa: D102

    @property
    def description(self) -> str: ...  # noqa: D102

    @property
    def schedules(self) -> Schedules: ...  # noqa: D102


@dataclass(frozen=True)
class DeployedFlow:
    """A flow as people meet it in the Prefect UI: its name, what it does, what its parameters after `pipeline` mean."""

    name: str
    does: str
    parameters: tuple[tuple[str, str], ...] = (("as_of", AS_OF),)

    @property
    def entrypoint(self) -> str:
        """The module form. The file form leaves `flows/` first on `sys.path` and deploys a broken import in silence."""
        return f"flows.{self.name}.{self.name}_flow"

    def describe(self, pipeline: Pipeline) -> str:
        """Markdown for the deployment's page: what a run does, for which pipeline, and its parameters."""
        about = " ".join(pipeline.description.split())
        rows = [("pipeline", PIPELINE), *self.parameters]
        parameters = "\n".join(f"- `{name}`: {meaning}" for name, meaning in rows)
        name = f"Pipeline **{pipeline.pipeline}**" + (f": {about}" if about else "")
        return f"{self.does}\n\n{name}\n\n**Parameters**\n{parameters}\n"


FLOWS = (
    DeployedFlow(
        "ingestion",
        "Takes in new batches: keeps a raw copy by content, validates it with Great Expectations, then stores it in "
        "`events`, or in `quarantine` with the rule that refused it. The same content is stored once.",
    ),
    DeployedFlow(
        "training",
        "Fits the candidate families on a snapshot, logs them to MLflow, registers the best one as `candidate` and "
        "asks promotion to judge it.",
        (
            ("as_of", AS_OF),
            ("reason", "why this training runs; shown in its dossier and in MLflow"),
            (
                "token",
                "the breach that asked for it; the same token never trains twice; leave it empty for a run of your own",
            ),
        ),
    ),
    DeployedFlow(
        "promotion",
        "Judges one model version: absolute floor, better than the dummy, better than the champion on the same fresh "
        "rows, loads in a clean process. All gates pass: `champion` moves. Otherwise: a refusal with every answer.",
        (("version", "the model version in MLflow to judge, for example 3"), ("as_of", AS_OF)),
    ),
    DeployedFlow(
        "approval",
        "A person's answer to what was proposed (`governor: {mode: approve}`): the version is promoted or the "
        "retraining starts, if the evidence is still what was judged. Each refusal names its rule.",
        (
            ("decision", "the number of the proposal in the journal, as its page and `keepfit proposals` show it"),
            ("who", "who answers; with four eyes two different people have to"),
            ("why", "why, for the journal"),
            ("answer", "approve or refuse"),
            ("digest", "how the digest of the evidence that you read begins; empty: as the journal has it"),
        ),
    ),
    DeployedFlow(
        "scoring", "Scores the rows that the champion has not scored yet and publishes them in `predictions`, once."
    ),
    DeployedFlow(
        "monitoring",
        "Holds the current window against the champion's reference with Evidently. A breach starts one training run "
        "with its reason; every suppressed trigger is written down.",
    ),
    DeployedFlow(
        "release",
        "Judges rows of the quarantine again by the present rules, after a fix: those that break none any more are in, "
        "each once, as a batch of their own, with who and why in the journal.",
        (
            ("what", "a delivery's name or id, or the name of a rule, as the quarantine shows them"),
            ("who", "who asks for it, for the journal"),
            ("why", "what was fixed, for the journal"),
        ),
    ),
    DeployedFlow("cycle", "Ingestion, scoring and monitoring as one chain: the pipeline's regular round."),
    DeployedFlow(
        "reconciliation",
        "Repairs what a crash left: finishes or rolls back staged work, ends dead runs, re-sends decided triggers. "
        "Safe to start at any time.",
        (),
    ),
)


def slug(flow: str, pipeline: str) -> str:
    """The stable name of a schedule. Prefect recognises a schedule by it; without one each redeploy adds a slot."""
    return f"{flow}-{pipeline}"


def deployments(pipelines: Iterable[Pipeline]) -> list[dict[str, Any]]:
    """Every deployment, in the vocabulary of prefect.yaml, sorted by pipeline, then in the order of `FLOWS`."""
    ordered = sorted(pipelines, key=lambda pipeline: pipeline.pipeline)
    return [_deployment(flow, pipeline) for pipeline in ordered for flow in FLOWS]


def _deployment(flow: DeployedFlow, pipeline: Pipeline) -> dict[str, Any]:
    schedule = pipeline.schedules.for_flow(flow.name)
    return {
        "name": pipeline.pipeline,
        "entrypoint": flow.entrypoint,
        "description": flow.describe(pipeline),
        "tags": [TAG, pipeline.pipeline],
        "work_pool": _WORK_POOL,
        "concurrency_limit": ONE_AT_A_TIME,
        "parameters": {"pipeline": pipeline.pipeline},
        "schedules": [_schedule(schedule, slug(flow.name, pipeline.pipeline))] if schedule else [],
    }


def _schedule(schedule: Schedule, name: str) -> dict[str, Any]:
    """One schedule. `active` is said only to deploy it paused: where it is unsaid, Prefect keeps the UI's switch."""
    timing: dict[str, Any] = {"slug": name}
    if schedule.cron is not None:
        timing["cron"] = schedule.cron
    elif schedule.every is not None:
        seconds = schedule.every.total_seconds()
        timing |= {"interval": int(seconds) if seconds.is_integer() else seconds, "anchor_date": ANCHOR}
    timing["timezone"] = schedule.timezone
    return timing if schedule.active else timing | {"active": False}


_WORK_POOL = {"name": WORK_POOL}

_HEADER = """\
# Generated by `keepfit deploy --write` from the pipelines in config/pipelines/. Edit schedules in the pipeline's file.
#
# `keepfit deploy` registers these deployments and keeps every schedule that somebody edited, paused or deleted in the
# Prefect UI. Plain `prefect deploy --all --prefect-file deployments/prefect.yaml` works too, from the project's root;
# the build step below makes it keep such edits as well. It needs the work pool to be there, which `keepfit up` and
# `keepfit deploy` see to (by hand: `prefect work-pool create keepfit --type process`).
"""


def render(pipelines: Iterable[Pipeline]) -> str:
    """The whole text of deployments/prefect.yaml, the same for the same pipelines."""
    document = {
        "name": "keepfit",
        # Prefect runs this before each deployment that it registers.
        "build": [{"deployments.ui_edits.keep_ui_edits": {}}],
        # No pull steps: workers start in the project's root, and entrypoints are modules.
        "pull": [],
        "definitions": {"work_pool": _WORK_POOL, "one_at_a_time": ONE_AT_A_TIME},
        "deployments": deployments(pipelines),
    }
    return _HEADER + "\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Named anchors, text of several lines as blocks, list items indented."""

    _NAMES = {"name": "work_pool", "limit": "one_at_a_time"}  # noqa: RUF012 - yaml's class, not ours

    def generate_anchor(self, node: yaml.Node) -> str:
        return self._NAMES[node.value[0][0].value]

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
