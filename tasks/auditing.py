"""The rows that were accepted, held against the rules that stand now. Nothing is moved by what is found.

Deliveries are judged elsewhere.
"""

from collections.abc import Sequence

from tasks.adapters import expectations
from tasks.core.batches import Suite
from tasks.core.columns import Column
from tasks.core.errors import NotFound
from tasks.core.results import Check
from tasks.reading import evaluated_in
from tasks.session import Session


def audit_events(session: Session, columns: Sequence[Column], suite: Suite) -> tuple[Check, ...]:
    """Ask the rules of rows of all accepted ones, by the engine of the suite; rules of whole deliveries are left out.

    Spark reads the table's files, and no process holds the rows. Raises NotFound where nothing was accepted, and what
    the engine and the store raise.
    """
    rows = session.store.stored("events")
    if rows is None:
        raise NotFound(f"{session.pipeline} has accepted no rows yet; keepfit run ingestion {session.pipeline}")
    rules = [rule for rule in (*expectations.always(columns), *suite.expectations) if rule.on_fail == "quarantine"]
    may_be_empty = [column.name for column in columns if column.optional]
    return expectations.validate(rows, rules, may_be_empty, suite.engine, evaluated_in(session)).checks
