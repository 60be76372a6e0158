"""What the documentation shows as YAML is YAML that a pipeline file takes."""

import re
from itertools import takewhile

import pytest
import yaml
from typer.main import get_command

from config.load import load_file
from config.settings import PROJECT
from deployments.cli import build_app
from tasks.core.alerting import Policy
from tasks.core.incident_kinds import KINDS

TEXTS = {path.name: path.read_text(encoding="utf-8") for path in (PROJECT / "README.md", *PROJECT.glob("docs/*.md"))}
PIPELINE = PROJECT / "config" / "pipelines" / "subscriptions.yaml"
BLOCKS = [block for text in TEXTS.values() for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
GATES = [yaml.safe_load(gate) for gate in re.findall(r"`(\{kind: [^`]*\})`", TEXTS["decisions.md"])]
TRIGGERS = [kind for kind in GATES if set(kind) == {"kind"}]


def loads(tmp_path, changes):
    path = tmp_path / "subscriptions.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(PIPELINE.read_text()) | changes))
    return load_file(path)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_documentation_loads(tmp_path, block):
    assert len(loads(tmp_path, yaml.safe_load(block)).triggers) == 2


def test_kinds_that_the_text_names_load(tmp_path):
    columns = yaml.safe_load(PIPELINE.read_text())["columns"]
    columns.append({"name": "sex", "role": "protected", "type": "category"})
    gates = [kind for kind in GATES if kind not in TRIGGERS]
    assert {gate["kind"] for gate in gates} == {"slices", "groups", "calibration", "resources"}
    found = loads(tmp_path, {"columns": columns, "gates": gates, "triggers": TRIGGERS})
    assert [trigger.kind for trigger in found.triggers] == ["estimated_performance"]


def test_the_alerts_that_the_documentation_shows_load(tmp_path):
    block = re.search(r"\n((?:    .*\n)+)", TEXTS["alerts.md"])[1]
    alerts = yaml.safe_load(block)["alerts"]
    alerts["max_age"] = yaml.safe_load(re.search(r"max_age: (\{[^}]*\})", TEXTS["alerts.md"])[1])
    found = loads(tmp_path, {"alerts": alerts}).alerts
    assert [one.kind for one in found.notify] == ["log", "webhook", "mail", "apprise", "event"]
    assert (found.max_age.data.days, found.cooldown.seconds) == (2, 6 * 3600)


def test_the_kinds_of_incidents_in_the_documentation_are_those_that_are_told():
    rows = re.findall(r"^\| `([a-z ]+)` \| (at once|in the digest) \|", TEXTS["alerts.md"], re.MULTILINE)
    told = dict.fromkeys(Policy().at_once, "at once") | dict.fromkeys(Policy().digest, "in the digest")
    assert dict(rows) == told
    assert set(told) == set(KINDS)


def commands():
    """What the documentation and our own messages tell people to type, as words, with the file that says so."""
    sources = [
        path for folder in ("config", "deployments", "flows", "tasks") for path in (PROJECT / folder).rglob("*.py")
    ]
    texts = TEXTS | {str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8") for path in sources}
    return sorted(
        {
            (name, *told.split())
            for name, text in texts.items()
            for told in re.findall(r"`keepfit ([a-z][^`\n]*)`", text)
        }
    )


@pytest.mark.parametrize("told", commands(), ids=" ".join)
def test_a_command_that_a_text_names_exists_and_takes_as_many_names(told):
    command = get_command(build_app()).commands[told[1]]
    takes = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    given = list(takewhile(lambda word: not word.startswith(("-", "[-")), told[2:]))
    assert len(given) <= len(takes) or any(one.nargs == -1 for one in takes)
