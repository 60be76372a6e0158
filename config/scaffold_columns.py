"""The columns of a pipeline's first file and the rules that they are held to, each beside its evidence.

What else stands in the file is `config.scaffold`'s.
"""

from collections.abc import Collection, Iterator

from config.flow_yaml import comment, flow, outward
from tasks.core.columns import RESERVED_PREFIX
from tasks.core.profile import ColumnProfile, Profile

_LISTED_CATEGORIES = 20


def columns_part(profile: Profile, optional: Collection[str], labelled: bool) -> Iterator[str]:
    """The lines of `columns` and `calendar`; where labels come in files of their own the target is no column."""
    yield ""
    yield "# role: feature, target, time, id, protected (kept, never a feature) or ignore (not even stored)."
    yield "columns:"
    for column in profile.columns:
        if labelled and column.name == profile.target:
            continue
        may_lack = column.name in optional and column.role in {"feature", "protected"}
        said = [*column.evidence, *(["some of the files have none of its values"] if may_lack else [])]
        yield f"  {comment('; '.join(said))}"
        if column.name.startswith(RESERVED_PREFIX):
            yield f"  {comment(f'{column.name} is left out: names that begin with an underscore belong to Keepfit')}"
            continue
        entry: dict[str, object] = {"name": column.name, "role": column.role, "type": column.type}
        extra: dict[str, object] = {"required": True} if column.role in {"time", "id"} else {}
        extra |= {"optional": True} if may_lack else {}
        extra |= {"missing": ["", *column.missing_words]} if column.missing_words else {}
        extra |= {"format": column.format} if column.format and column.role != "ignore" else {}
        extra |= {"decimal": column.decimal} if column.decimal != "." else {}
        extra |= {"hours_from": column.hours_from} if column.hours_from else {}
        extra |= {"earliest": f"{column.earliest:%Y-%m-%dT%H:%M:%SZ}"} if column.earliest else {}
        extra |= {"privacy": column.privacy} if column.privacy else {}
        yield f"  - {flow({**entry, **extra})}"
    if profile.calendar:
        yield ""
        yield "# Parts of the event's local time that no column holds already; `timezone` of the time says which."
        yield f"calendar: [{', '.join(profile.calendar)}]"


def validation_part(profile: Profile) -> Iterator[str]:
    """The lines of `validation`: policies, and expectations from what was observed."""
    yield ""
    yield "validation:"
    yield "  max_quarantined_share: 0.3  # a batch with more bad rows than this is refused whole"
    yield "  sentinel: warn  # says what looks broken beside earlier deliveries; refuse: such a delivery is left out"
    if profile.repeated:
        yield f"  repeats: set_aside  # {profile.repeated} rows repeat another to the letter; the first of them counts"
    rules = [rule for column in profile.columns if (rule := _expectation(column))]
    if not rules:
        return
    yield "  # Observed ranges, widened by their own width, and observed categories. Replace them by what you know."
    yield "  expectations:"
    yield from rules


def _expectation(column: ColumnProfile) -> str | None:
    if column.role != "feature" or column.name.startswith(RESERVED_PREFIX):
        return None
    arguments: dict[str, object] = {"column": column.name}
    if column.low is not None and column.high is not None:
        width = column.high - column.low
        low = max(column.low - width, 0.0) if column.low >= 0 else column.low - width
        arguments |= {"min_value": outward(low, -1), "max_value": outward(column.high + width, 1)}
        return f"    - {{expect: ExpectColumnValuesToBeBetween, arguments: {flow(arguments)}, on_fail: quarantine}}"
    if column.categories and len(column.categories) <= _LISTED_CATEGORIES:
        arguments["value_set"] = list(column.categories)
        # A new category is news, not a fault: drift sees it as well.
        return f"    - {{expect: ExpectColumnValuesToBeInSet, arguments: {flow(arguments)}, on_fail: warn}}"
    return None
