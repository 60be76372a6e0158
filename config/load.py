"""From YAML to a checked pipeline: every error names the file, the line or key path, the value and what is allowed."""

import hashlib
import json
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from config.schema import NAME, PipelineConfig
from config.settings import Settings
from tasks.core.errors import ConfigInvalid, NotFound

_SHOWN = 50  # errors of one file that are told at once
_MERGE = "tag:yaml.org,2002:merge"


def load_pipeline(name: str, settings: Settings) -> PipelineConfig:
    """The pipeline of that name.

    Raises:
        NotFound: there is no such file. The message lists what there is.
        ConfigInvalid: the file is wrong.
    """
    path = pipeline_path(name, settings)
    if not path.is_file():
        known = [found.stem for found in pipeline_files(settings)]
        close = get_close_matches(name, known, n=1)
        raise NotFound(
            f"There is no pipeline {name!r}: {path} does not exist."
            + (f" Did you mean {close[0]}?" if close else "")
            + f" Known: {', '.join(known) or 'none'}. Make one with `keepfit new {name} --from FILE --target COLUMN`."
        )
    return load_file(path)


def load_all(settings: Settings) -> dict[str, PipelineConfig]:
    """Every pipeline of the folder by name; raises ConfigInvalid for the first wrong file."""
    return {path.stem: load_file(path) for path in pipeline_files(settings)}


def pipeline_path(name: str, settings: Settings) -> Path:
    """Where the file of a pipeline stands. Raises ConfigInvalid for what can be no pipeline's name, such as a path."""
    if not NAME.fullmatch(name):
        raise ConfigInvalid(
            f"{name!r} cannot name a pipeline: use a-z, 0-9, - and _, beginning with a letter; no folder and no "
            "`.yaml`."
        )
    return settings.pipelines_dir / f"{name}.yaml"


def pipeline_files(settings: Settings) -> list[Path]:
    """The pipeline files, sorted by name."""
    return sorted(settings.pipelines_dir.glob("*.yaml"))


def load_file(path: Path) -> PipelineConfig:
    """Read and check one file; raises ConfigInvalid with all of its errors."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path}: not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        raise ConfigInvalid(f"{path}: not readable as YAML: {_one_line(error)}") from None
    except RecursionError:
        raise ConfigInvalid(f"{path}: not readable as YAML: lists or keys stand too deep in each other") from None
    if not isinstance(content, dict):
        raise ConfigInvalid(f"{path}: a mapping of keys is expected, found {type(content).__name__}.")
    try:
        config = PipelineConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigInvalid("\n".join(_explain(path, error))) from None
    if config.pipeline != path.stem:
        raise ConfigInvalid(f"{path}: pipeline: {config.pipeline!r} has to be the file's name, {path.stem!r}.")
    return config


def config_digest(config: PipelineConfig) -> str:
    """SHA-256 of the configuration's meaning (not of its comments or order of keys)."""
    return hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """JSON Schema of a pipeline file, for editors."""
    return PipelineConfig.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets a later key silently replace an earlier one of the same name; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key has to be plain text", key_node.start_mark)
            # `<<` takes over what an anchor holds; the keys that stand here win over it, as YAML says.
            key = key_node.value if key_node.tag == _MERGE else self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _explain(path: Path, error: ValidationError) -> Iterable[str]:
    yield f"{path}: {error.error_count()} error{'s' if error.error_count() > 1 else ''}"
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    for problem in error.errors(include_url=False)[:_SHOWN]:
        # A union of plain types puts the name of a function among the keys.
        where = ".".join(str(part) for part in problem["loc"] if "(" not in str(part)) or "(whole file)"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"this key does not exist here; {_suggest(problem['loc'])}"
        value = problem.get("input")
        shown = (
            "" if isinstance(value, dict | list | tuple) or problem["type"] == "missing" else f" (found {value!r:.60})"
        )
        line = _line_of(root, problem["loc"])
        yield f"  {where}{f', line {line}' if line else ''}: {message}{shown}"
    if error.error_count() > _SHOWN:
        yield f"  ... and {error.error_count() - _SHOWN} more: mend these first"


def _suggest(location: tuple[int | str, ...]) -> str:
    allowed = _keys_at(location[:-1])
    close = get_close_matches(str(location[-1]), allowed, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(allowed)}"


@cache
def _schema() -> dict[str, Any]:
    return PipelineConfig.model_json_schema()


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema knows at a place; the names of a union's members stand in the location, too."""
    schema = _schema()
    node = schema
    for part in location:
        inside = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        member = node.get("discriminator", {}).get("mapping", {}).get(part)
        node = {"$ref": member} if member else inside
        # An optional section is a union of itself and null; training rows are a length or one of their kinds.
        node = next((one for one in node.get("anyOf", ()) if {"$ref", "discriminator"} & set(one)), node)
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node
    return list(node.get("properties", ()))


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                continue  # the name of a union's member: it stands in the location, not in the file
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{getattr(error, 'problem', None) or 'syntax error'}{place}"
