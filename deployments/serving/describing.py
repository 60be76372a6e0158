"""What the OpenAPI page says of requests: the pipelines' columns as JSON Schema, with an example of each."""

from collections.abc import Iterable
from typing import Any

from deployments.serving import arrow
from tasks.core.requests import Asked


def description(names: Iterable[str]) -> str:
    """What the page begins with."""
    return (
        f"Online scoring by the champions of {', '.join(names)}. Every answer is written down before it is given, and "
        "taken up into the table `predictions` by the next scoring run. Every page but /health needs a bearer token."
    )


def row_body(asked: Asked) -> dict[str, Any]:
    """The body of a single row."""
    schema, example = _row(asked)
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def rows_body(asked: Asked) -> dict[str, Any]:
    """The body of a batch: JSON, or a stream of Arrow record batches with the same columns."""
    schema, example = _row(asked)
    whole = asked.many.json_schema(by_alias=True)
    limits = {key: value for key, value in whole["properties"]["rows"].items() if key in {"minItems", "maxItems"}}
    rows = {"type": "array", "items": schema} | limits
    body = {"type": "object", "required": ["rows"], "additionalProperties": False, "properties": {"rows": rows}}
    stream = {"schema": {"type": "string", "format": "binary"}}
    content = {"application/json": {"schema": body, "example": {"rows": [example]}}, arrow.MEDIA_TYPE: stream}
    return {"requestBody": {"required": True, "content": content}}


def _row(asked: Asked) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = asked.one.json_schema(by_alias=True)
    return schema, {name: field["examples"][0] for name, field in schema["properties"].items()}
