"""Prefect flows only: order and branches. Class definitions, decisions and vendor calls do not belong here."""

import logging

from tasks.core.errors import KeepfitError


def without_traceback(record: logging.LogRecord) -> bool:
    """Our own errors, and those of a lost connection, say what happened: their stack is noise for whoever reads it."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, KeepfitError) or type(error).__module__.startswith(("httpx", "httpcore")):
        record.exc_info = record.exc_text = None
    return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(without_traceback)
