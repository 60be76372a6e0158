"""What a pipeline's file asks for, told to the ML Test Score and the model card."""

from config.schema import PipelineConfig
from tasks.core.ml_test_score import Setup


def setup_of(config: PipelineConfig) -> Setup:
    """The part of the file that tests of the score ask about."""
    return Setup(
        description=config.description,
        expectations=len(config.validation.expectations),
        families=tuple(candidate.kind for candidate in config.candidates),
        watches=frozenset[str]().union(*(trigger.watches for trigger in config.triggers)),
        personal=tuple(column.name for column in config.columns if column.privacy is not None),
        protected=tuple(column.name for column in config.columns if column.role == "protected"),
        notifies=bool(config.alerts.notify),
    )
