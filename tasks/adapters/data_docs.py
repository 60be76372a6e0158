"""Great Expectations' Data Docs: what each delivery's suite said, with its history, as pages without cell values.

A view: what was decided stands in the tables and the journal. As Great Expectations makes them, the pages load scripts
and a counted picture from elsewhere, and without them show no index: here they load nothing, and have one.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.adapters.expectations import Expectation
from tasks.adapters.store.folders import hidden_file, private
from tasks.core import doc_pages as pages
from tasks.core.errors import TerminalError
from tasks.core.results import Check, Verdict

KEPT = 200
"""Deliveries of a pipeline whose results are kept; older ones go with their pages."""
_MADE = "made"  # where Great Expectations writes its pages, before they are pages of ours


def index_of(folder: Path) -> Path:
    """The page to begin with."""
    return folder / "pages" / "index.html"


@dataclass(frozen=True)
class Said:
    """What a suite (events, labels, a joined table) was asked about a delivery of so many rows, and what it said."""

    suite: str
    batch_id: str
    as_of: datetime
    asked: Sequence[Expectation]
    checks: Sequence[Check]
    rows: int


def keep(folder: Path, said: Said) -> None:
    """Keep what was said of a delivery; kept again, it is there once. Raises TerminalError, as `build` does."""
    with _writing(folder):
        _keep(folder, said)


def _keep(folder: Path, said: Said) -> None:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    context = _context(folder)
    results = [_result(rule, check, said.rows) for rule, check in zip(said.asked, said.checks, strict=True)]
    held = sum(one.success for one in results)
    key = _key(said)
    result = ExpectationSuiteValidationResult(
        success=held == len(results), results=results, suite_name=said.suite, suite_parameters={},
        statistics={
            "evaluated_expectations": len(results), "successful_expectations": held,
            "unsuccessful_expectations": len(results) - held, "success_percent": 100 * held / max(1, len(results)),
        },
        meta={"run_id": key.run_id},
    )  # fmt: skip
    context.validation_results_store.set(key, result)


def build(folder: Path) -> int:
    """Make the pages that are missing, and the index; gives how many deliveries it shows. Safe to repeat."""
    with _writing(folder):
        return _build(folder)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever Great Expectations or the disk raises; its words may quote a rule
        raise TerminalError(
            f"The Data Docs in {folder} could not be written ({type(error).__name__}). Nothing rests on them; "
            "the folder may be removed, they are begun anew."
        ) from error


def _build(folder: Path) -> int:
    context = _context(folder)
    keys = sorted(context.validation_results_store.list_keys(), key=lambda key: key.run_id.run_time, reverse=True)
    for key in keys[KEPT:]:
        context.validation_results_store.remove_key(key)
        _page(folder, key).unlink(missing_ok=True)
    keys = keys[:KEPT]
    if missing := [key for key in keys if not _page(folder, key).exists()]:
        context.build_data_docs(resource_identifiers=missing, build_index=False)
        shutil.rmtree(folder / _MADE / "static", ignore_errors=True)
        for key in missing:
            made, page = folder / _MADE / _place(key), _page(folder, key)
            _write(page, pages.alone(made.read_text("utf-8")))
            made.unlink()
    lines = [_line(folder, key, context.validation_results_store.get(key)) for key in keys]
    _write(index_of(folder), pages.index(folder.name, lines))
    return len(keys)


def _write(page: Path, text: str) -> None:
    with hidden_file(page.parent) as (file, hidden):
        file.write(text.encode())
        file.flush()
        hidden.replace(page)


def _line(folder: Path, key: Any, result: Any) -> pages.Line:
    told = result.statistics
    link = _page(folder, key).relative_to(index_of(folder).parent).as_posix()
    return pages.Line(
        key.run_id.run_time, key.expectation_suite_identifier.name, key.batch_identifier, bool(result.success),
        told["successful_expectations"], told["evaluated_expectations"], link,
    )  # fmt: skip


def _place(key: Any) -> Path:
    return Path("validations", *key.to_tuple()).with_suffix(".html")


def _page(folder: Path, key: Any) -> Path:
    return folder / "pages" / _place(key)


def _context(folder: Path) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, FilesystemStoreBackendDefaults

    private(folder)
    backend = {
        "class_name": "TupleFilesystemStoreBackend", "base_directory": _MADE, "root_directory": str(folder.resolve()),
    }  # fmt: skip
    site = {
        "class_name": "SiteBuilder", "show_how_to_buttons": False, "store_backend": backend,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {
            "expectations": "None", "profiling": "None",
            "validations": {"view": {"module_name": "tasks.adapters.doc_views", "class_name": "PageView"}},
        },
    }  # fmt: skip
    stores = FilesystemStoreBackendDefaults(root_directory=str(folder.resolve()))
    stores.data_docs_sites = {"pages": site}
    return gx.get_context(
        mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=stores, analytics_enabled=False)
    )


def _key(said: Said) -> Any:
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    # A folder of a run's name leads to the page, so that it has no blank.
    run = RunIdentifier(run_name=f"delivery-{said.batch_id[:12]}", run_time=said.as_of.astimezone(UTC))
    return ValidationResultIdentifier(ExpectationSuiteIdentifier(said.suite), run, said.batch_id)


def _result(rule: Expectation, check: Check, rows: int) -> Any:
    """Counts only: what was observed may be a value, and so may what an exception says."""
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    unknown = check.verdict is Verdict.UNKNOWN
    counted: Mapping[str, Any] = {}
    if (unexpected := check.numbers.get("unexpected")) is not None:
        counted = {
            "element_count": rows, "unexpected_count": unexpected,
            "unexpected_percent": 100 * float(unexpected) / max(rows, 1),
        }  # fmt: skip
    told = {"raised_exception": unknown, "exception_message": check.reason if unknown else "",
            "exception_traceback": ""}  # fmt: skip
    return ExpectationValidationResult(
        success=check.passed, expectation_config=_configuration(rule), result=dict(counted), exception_info=told,
        meta={},
    )  # fmt: skip


def _configuration(rule: Expectation) -> Any:
    """The rule as the pages render it; one that cannot be built, by its name."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    name = re.sub(r"(?<!^)(?=[A-Z])", "_", rule.expect).lower()
    try:
        found = ExpectationConfiguration(type=name, kwargs=rule.arguments)
        found.to_domain_obj()
    except Exception:  # noqa: BLE001 - the name is unknown, or the arguments are none of its own
        any_other = "expect_table_row_count_to_be_between"  # a page has to be told of a rule that exists
        return ExpectationConfiguration(type=any_other, kwargs={}, description=rule.rule)
    return found
