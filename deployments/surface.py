"""The flows as people meet them in the Prefect UI: what each does, and what its parameters mean.

How they become deployments: render. A flow that is not here has no form.
"""

from dataclasses import dataclass
from typing import Protocol

from config.schedules import Schedules

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
        "staleness",
        "Lets every former champion score, in silence, the labelled rows since its promotion, and says by version and "
        "age how it does and what each retraining brought. It decides nothing and stores no prediction.",
    ),
    DeployedFlow(
        "reconciliation",
        "Repairs what a crash left: finishes or rolls back staged work, ends dead runs, re-sends decided triggers. "
        "Safe to start at any time.",
        (),
    ),
)
