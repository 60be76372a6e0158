"""Ports: asked for, remembered, or found; a taken one is named."""

import socket

import pytest

from deployments.stack.ports import choose_ports, is_free
from tasks.core.errors import ConfigInvalid

NAMES = ["prefect", "mlflow", "evidently", "worker"]


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_found_ports_are_free_and_differ(tmp_path):
    ports = choose_ports(tmp_path, NAMES, {}, {})
    assert list(ports) == NAMES
    assert len(set(ports.values())) == 4
    assert all(is_free(port) for port in ports.values())


def test_remembered_ports_are_used_again(tmp_path):
    first = choose_ports(tmp_path, NAMES, {}, {})
    moved = {name: port + 1000 for name, port in first.items()}
    assert choose_ports(tmp_path, NAMES, {}, moved) == moved


def test_a_remembered_port_that_is_taken_now_is_replaced(tmp_path, taken):
    assert choose_ports(tmp_path, NAMES, {}, {"mlflow": taken})["mlflow"] != taken


def test_a_taken_port_that_was_asked_for_is_named(tmp_path, taken):
    with pytest.raises(ConfigInvalid, match=rf"port {taken}, asked for mlflow.*--port-mlflow"):
        choose_ports(tmp_path, NAMES, {"mlflow": taken}, {})


def test_the_same_port_cannot_be_asked_for_twice(tmp_path, taken):
    free = choose_ports(tmp_path, ["prefect"], {}, {})["prefect"]
    with pytest.raises(ConfigInvalid, match=str(free)):
        choose_ports(tmp_path, NAMES, {"prefect": free, "mlflow": free}, {})
