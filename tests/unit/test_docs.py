"""What the written pages say exists, exists; and what exists and must be written down, is."""

import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import typer.main
import yaml
from prometheus_client import CollectorRegistry

from api_node.live.metrics import LiveMetrics
from api_node.passwords import Passwords
from api_node.routes import TABLE
from cli.main import app
from queue_service.metrics import WriterMetrics
from shared.errors import every_error
from shared.http.context import HttpMetrics
from shared.settings import Settings, load_settings, with_secrets
from tests.support.pages import PAGES, READMES, ROOT, anchors, blocks, code, commands, text_of

ABOUT_TESTS = {"TEST_DATABASE_URL", "MYSQL_PASSWORD", "AUTO_INCREMENT", "SQLITE_BUSY", "SQLITE_FULL"}
ADMITTED_PATHS = {"backup.sql", "console.db.lock", "data/"}

every_page = pytest.mark.parametrize("page", PAGES)


def test_both_readmes_show_the_same_commands_and_answers() -> None:
    english, chinese = READMES
    assert commands(english) == commands(chinese)
    assert blocks(english, "json") == blocks(chinese, "json")


@every_page
def test_every_make_target_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE))
    named = [re.match(r"(?:\w+=\S+ )*make((?: [a-z-]+)+)", shown) for shown in code(page)]
    assert {target for match in named if match for target in match[1].split()} <= targets


@every_page
def test_every_console_command_and_flag_exists(page: str) -> None:
    known = typer.main.get_command(app)
    for shown in code(page):
        match = re.search(r"(?:^|/|\bmigrate )console ([a-z]+)(.*)", shown)
        if match:
            command, more = known.commands[match[1]], match[2]  # type: ignore[attr-defined]
            if hasattr(command, "commands"):
                name, _, more = more.strip().partition(" ")
                command = command.commands[name]
            assert set(re.findall(r"--[a-z-]+", more)) <= {o for p in command.params for o in p.opts}


def test_every_flag_named_in_the_readme_is_one_of_console_up() -> None:
    up = typer.main.get_command(app).commands["up"]  # type: ignore[attr-defined]
    flags = {option for parameter in up.params for option in parameter.opts}
    shown = [text for text in code("README.md") if text.startswith("--") or "ARGS=" in text]
    assert shown
    assert {flag for text in shown for flag in re.findall(r"--[a-z-]+", text)} <= flags


@every_page
def test_every_relative_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), target
        if fragment:
            assert fragment in anchors(str(found.resolve().relative_to(ROOT))), target


@every_page
def test_every_path_in_code_type_exists(page: str) -> None:
    for shown in code(page):
        is_path = re.fullmatch(r"[\w.-]+(/[\w.-]+)*(/|\.(py|sh|sql|yaml|toml|lock|md))", shown)
        if is_path and shown not in ADMITTED_PATHS:
            candidates = [ROOT / shown, *ROOT.glob(f"*/{shown}"), *ROOT.glob(f"tests/*/{shown}")]
            assert any(path.exists() for path in candidates), shown


@every_page
def test_every_setting_in_code_type_exists(page: str) -> None:
    known = {name.upper() for name in Settings.model_fields} | ABOUT_TESTS
    named = {match[1] for shown in code(page) if (match := re.fullmatch(r"([A-Z]+(?:_[A-Z]+)+)(=.*)?", shown))}
    assert named <= known


@every_page
def test_every_python_module_to_run_exists(page: str) -> None:
    for module in re.findall(r"python -m ([\w.]+)", "\n".join(code(page))):
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_every_error_code_is_explained_with_its_status() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \| (\d{3}|other) \|", text_of("docs/operations.md"), re.MULTILINE))
    edge = re.findall(r"^\t\t\t(\d{3}|default) (\w+) \d{4} ", text_of("Caddyfile"), re.MULTILINE)
    assert edge
    ours = {(kind.code, str(kind.status)) for kind in every_error().values()}
    of_the_edge = {(name, "other" if status == "default" else status) for status, name in edge}
    assert ours | of_the_edge == explained


def test_every_metric_is_explained_and_none_else() -> None:
    registry = CollectorRegistry()
    HttpMetrics(registry)
    LiveMetrics(registry)
    Passwords("owasp", registry).close()
    families = [*registry.collect(), *WriterMetrics().registry.collect()]
    explained = re.findall(r"^\| `(console_\w+)` \| (\w+)", text_of("docs/operations.md"), re.MULTILINE)
    assert sorted(explained) == sorted((family.name, family.type) for family in families)


def test_every_log_event_that_is_explained_is_written_somewhere() -> None:
    section = text_of("docs/operations.md").partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+`) \| (?:info|warning|error|critical) \|", section, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    sources = "".join(
        path.read_text() for folder in ("api_node", "queue_service", "shared") for path in (ROOT / folder).rglob("*.py")
    )
    assert explained
    assert {name for name in explained if f'"{name}"' not in sources} == set()


def test_every_health_path_is_explained() -> None:
    paths = {entry.path for entry in TABLE if re.fullmatch(r"/(livez|readyz|metrics|api/health|health.*)", entry.path)}
    assert {path for path in paths if f"`{path}`" not in text_of("docs/operations.md")} == set()


def test_every_compose_service_exists() -> None:
    known = set(yaml.safe_load(text_of("compose.yaml"))["services"])
    shown = [line for page in PAGES for line in commands(page) + code(page) if line.startswith("docker compose ")]
    named = {word for line in shown if (m := re.match(r".* (?:stop|run --rm) (.+)", line)) for word in m[1].split()}
    assert named - {"console", "doctor"} <= known


def test_the_backup_command_copies_a_database_that_is_in_use(tmp_path: Path) -> None:
    [command] = [line for line in commands("docs/operations.md") if "VACUUM" in line]
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data/console.db")) as in_use:
        in_use.execute("PRAGMA journal_mode=WAL")
        in_use.execute("CREATE TABLE t (n)")
        in_use.execute("INSERT INTO t VALUES (7)")
        in_use.commit()
        in_use.execute("BEGIN IMMEDIATE")
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        assert copy.execute("SELECT n FROM t").fetchall() == [(7,)]


@pytest.mark.parametrize("readme", READMES)
def test_the_command_that_makes_a_secret_makes_a_long_enough_one(readme: str) -> None:
    [command] = [shown for shown in code(readme) if "token_urlsafe" in shown]
    one, other = (
        subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    )
    assert with_secrets(Settings(console_env="production", jwt_secret=one, queue_secret=other, registration="closed"))


def test_each_decision_is_in_the_list_of_decisions() -> None:
    files = sorted(path.name for path in (ROOT / "docs/adr").glob("0*.md"))
    assert re.findall(r"\]\((0\d+-[\w-]+\.md)\)", text_of("docs/adr/README.md")) == files


def test_the_env_example_is_read_as_the_defaults(tmp_path: Path) -> None:
    text = re.sub(r"^#([A-Z_]+=)", r"\1", text_of(".env.example"), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(text)
    assert load_settings({}, tmp_path / ".env") == Settings()
    assert load_settings({}, ROOT / ".env.example") == Settings()
