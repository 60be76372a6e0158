"""The exception tree: what can go wrong, and whether trying again can help. Nothing else belongs here.

KeepfitError
├── TransientError         a retry may help: a server is down, a writer lost a race
│   ├── ServerUnavailable
│   ├── SourceUnavailable
│   └── StoreConflict
└── TerminalError          a retry cannot help: a person has to change something
    ├── ConfigInvalid
    ├── DataRejected
    ├── NotFound
    │   └── NoSuchChoice
    ├── NoChampion
    ├── NoReceipt
    ├── ApprovalRefused
    ├── ArtefactMismatch
    ├── InvariantBroken
    └── LeaseLost

Every message says what happened, which value, what is allowed, and what to do next. Messages never quote cell values.
"""


class KeepfitError(Exception):
    """Root of all errors that Keepfit raises on purpose; the command line prints them without a traceback."""


class TransientError(KeepfitError):
    """Trying again may help; the one retry rule (`tasks.retrying`) retries these and nothing else."""


class TerminalError(KeepfitError):
    """Trying again cannot help."""


class ServerUnavailable(TransientError):
    """A server (Prefect, MLflow, Dask) did not answer. Never the same thing as an empty answer."""


class SourceUnavailable(TransientError):
    """The source of a pipeline could not be reached or read."""


class StoreConflict(TransientError):
    """Another writer committed first; read again and decide again."""


class ConfigInvalid(TerminalError):
    """A configuration file or setting is wrong."""


class DataRejected(TerminalError):
    """Data cannot be used: unreadable, empty, one class only. `rule` names what refuses it, in one stable word."""

    def __init__(self, message: str, rule: str = "unusable") -> None:
        super().__init__(message)
        self.rule = rule


class NotFound(TerminalError):
    """A pipeline, version, table or decision with that name does not exist."""


class NoSuchChoice(NotFound):
    """What a person asked for by name or number is not there: the person is told so, and no stage has failed."""


class NoChampion(TerminalError):
    """The registry answered, and the pipeline has no champion."""


class NoReceipt(TerminalError):
    """The registry's champion is not the journal's, which alone holds receipts; a person or the reconciler mends it."""


class ApprovalRefused(TerminalError):
    """A person's answer to a proposal does not count; the message names the rule that refuses it."""


class ArtefactMismatch(TerminalError):
    """An artefact is not the one that was judged (SHA-256 differs), or it cannot be loaded in a clean process."""


class InvariantBroken(TerminalError):
    """What the pipeline's promises rest on does not hold; the verification that saw it has told and journalled it."""


class LeaseLost(TerminalError):
    """This process no longer holds the lease that its publication needs; another one took over."""
