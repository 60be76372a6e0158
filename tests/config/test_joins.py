"""Joins and columns that do not fit together are refused before anything runs, and the message says which."""

import pytest
from pydantic import ValidationError

from config.schema import PipelineConfig

SEEN = {"name": "seen", "role": "feature", "type": "number", "join": "shops.visitors"}
JOIN = {
    "name": "shops", "source": {"kind": "folder", "path": "shops"}, "key": {"shop": "shop_no"},
    "time": {"name": "counted", "timezone": "Europe/Berlin"}, "known_at": {"name": "sent"},
}  # fmt: skip
COLUMNS = [
    {"name": "when", "role": "time", "type": "datetime"},
    {"name": "shop", "role": "protected", "type": "integer"},
    {"name": "mail", "role": "feature", "type": "string", "privacy": "mail"},
    {"name": "town", "role": "feature", "type": "category", "privacy": "place"},
    {"name": "size", "role": "feature", "type": "number"},
    {"name": "goal", "role": "target", "type": "number"},
]
GOOD = {
    "pipeline": "visits", "problem": "regression", "metric": "mae", "source": {"kind": "folder", "path": "in"},
    "split": {"history": ["90d"], "tuning": 0.2, "evaluation": "14d"}, "columns": [*COLUMNS, SEEN], "joins": [JOIN],
}  # fmt: skip


def made(join=None, column=None, **changes):
    columns = [*COLUMNS, SEEN | (column or {})]
    return PipelineConfig.model_validate(GOOD | {"columns": columns, "joins": [JOIN | (join or {})]} | changes)


def test_a_joined_column_is_a_column_as_any_other_and_its_source_is_read_by_its_own_names():
    config = made()
    assert config.features.names == ("size", "seen", "mail", "town")
    (joining,) = config.suite.joins
    assert [(one.name, one.role, one.type, one.required) for one in joining.columns] == [
        ("shop_no", "protected", "integer", True), ("counted", "time", "datetime", False),
        ("sent", "protected", "datetime", True), ("visitors", "feature", "number", False),
    ]  # fmt: skip
    assert joining.columns[1].timezone == "Europe/Berlin"
    assert joining.identity() == ("shop_no", "counted", "sent")
    assert config.join_of("joined_shops")[1] == joining
    assert made({"key": {"mail": "mail"}}).suite.joins[0].columns[0].privacy == "mail"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"joins": []}, "column seen: there is no join shops; joins are none"),
        ({"joins": [JOIN, JOIN]}, "the join shops is named more than once"),
        ({"join": {"name": "others"}}, "there is no join shops; joins are others"),
        ({"joins": [JOIN, JOIN | {"name": "others"}]}, "join others: no column says `join: others`"),
        ({"join": {"key": {"store": "shop_no"}}}, "key store is no column that the pipeline's own source delivers"),
        ({"join": {"key": {"seen": "x"}}}, "key seen is no column that the pipeline's own source delivers"),
        ({"join": {"key": {"size": "x"}}}, "key size has the role feature and the type number"),
        ({"join": {"key": {"goal": "x"}}}, "key goal has the role target"),
        ({"join": {"key": {"town": "x"}}}, "key town has the policy common, which makes different keys alike"),
        ({"join": {"key": {}}}, "at least 1 item"),
        ({"join": {"time": {"name": "visitors"}}}, "visitors is used more than once"),
        ({"join": {"time": {"name": "counted", "timezone": "Mars"}}}, "IANA time zone"),
        ({"join": {"time": {"name": "_counted"}}}, "pattern"),
        ({"join": {"known_at": {"name": "sent", "ahead": "2d"}}}, "earliest and ahead belong to time only"),
        ({"join": {"max_age": "99999w"}}, "longer than a century"),
        ({"join": {"source": {"kind": "delta", "url": "x", "changes": "retake"}}}, "set corrections to by_id"),
        ({"join": {"tolerance": "1d"}}, "Extra inputs are not permitted"),
        ({"column": {"role": "target"}}, "a joined column cannot have the role target"),
        ({"column": {"join": "shops._x"}}, "pattern"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(changes, told):
    with pytest.raises(ValidationError) as refused:
        made(**changes)
    assert told in str(refused.value)
