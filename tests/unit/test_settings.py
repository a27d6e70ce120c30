"""Settings: who wins, what is refused and how it is said, secrets that are made once and shown never."""

import multiprocessing
import stat
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any

import pytest

from shared.production import is_guessable
from shared.settings import Settings, SettingsError, load_settings, with_secrets

HIDDEN = "hunter2-hunter2-hunter2-hunter2-hunter2"
GOOD = token_urlsafe(48)
OTHER = token_urlsafe(48)


def _problems(environ: dict[str, str], **flags: object) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ, None, **flags)
    return refused.value.problems


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("EDGE_PORT=1001\nAPI_PORT=1002\nQUEUE_PORT=1003\n")
    settings = load_settings({"API_PORT": "2002", "QUEUE_PORT": "2003"}, file, queue_port=3003, api_port=None)
    assert (settings.edge_port, settings.api_port, settings.queue_port) == (1001, 2002, 3003)
    assert settings.grpc_port == Settings().grpc_port


def test_an_empty_value_counts_as_not_given_wherever_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("API_PORT=1002\nEDGE_PORT=\n")
    settings = load_settings({"API_PORT": "", "JWT_SECRET": ""}, file)
    assert (settings.api_port, settings.edge_port, settings.jwt_secret) == (1002, 8080, "")


def test_a_password_in_the_file_may_hold_a_dollar(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("JWT_SECRET='a${HOME}b'\n")
    assert load_settings({}, file).jwt_secret == "a${HOME}b"


def test_a_missing_file_is_no_file(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path / "absent") == Settings()


def test_an_unknown_key_of_ours_is_named_with_the_one_that_was_meant() -> None:
    assert _problems({"QUEUE_BATCHSIZE": "5"}) == ["QUEUE_BATCHSIZE is not a setting; did you mean QUEUE_BATCH_SIZE?"]
    assert _problems({"CONSOLE_XYZZY_PLUGH": "5"}) == ["CONSOLE_XYZZY_PLUGH is not a setting; remove it"]


def test_keys_of_other_programs_and_of_the_sdk_are_none_of_our_business() -> None:
    assert load_settings({"PATH": "/bin", "MYAPP_PORT": "x", "CONSOLE_URL": "http://a"}, None) == Settings()


def test_every_problem_is_listed_at_once() -> None:
    problems = _problems({"API_PORT": "70000", "CONSOLE_ENV": "staging", "QUEUE_TYPO": "1", "NODES": "two"})
    assert [problem.split(":")[0].split(" ")[0] for problem in problems] == [
        "QUEUE_TYPO",
        "CONSOLE_ENV",
        "API_PORT",
        "NODES",
    ]


@pytest.mark.parametrize(
    "environ",
    [
        {"DATABASE_URL": f"postgres://user:{HIDDEN}@host/db"},
        {"JWT_SECRET": HIDDEN, "API_PORT": "x"},
        {"DATABASE_URL": f"mysql://user:{HIDDEN}@host/db", "NODES": "0"},
    ],
)
def test_a_refusal_never_repeats_a_secret(environ: dict[str, str]) -> None:
    assert HIDDEN not in "\n".join(_problems(environ))


def test_no_secret_shows_when_settings_are_printed() -> None:
    settings = Settings(jwt_secret=HIDDEN, queue_secret=HIDDEN, database_url=f"mysql://u:{HIDDEN}@h/db")
    assert HIDDEN not in repr(settings)
    assert HIDDEN not in str(settings)


def test_secrets_are_made_once_readable_by_their_owner_alone(tmp_path: Path) -> None:
    first = with_secrets(Settings(data_dir=tmp_path / "new"))
    again = with_secrets(Settings(data_dir=tmp_path / "new"))
    assert (first.jwt_secret, first.queue_secret) == (again.jwt_secret, again.queue_secret)
    assert first.jwt_secret != first.queue_secret
    assert len(first.jwt_secret) >= 32
    files = sorted((tmp_path / "new").iterdir())
    assert [file.name for file in files] == ["jwt_secret", "queue_secret"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def _make(directory: Path) -> tuple[str, str]:
    made = with_secrets(Settings(data_dir=directory))
    return made.jwt_secret, made.queue_secret


def test_processes_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for round_number in range(20):
            assert len(set(pool.map(_make, [tmp_path / str(round_number)] * 2, chunksize=1))) == 1


def test_production_makes_no_secrets_and_names_both(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        with_secrets(Settings(console_env="production", data_dir=tmp_path))
    named = [problem.split(" ")[0] for problem in refused.value.problems]
    assert named == ["JWT_SECRET", "QUEUE_SECRET", "REGISTRATION"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, []),
        ({"registration": "open"}, []),
        ({"jwt_former_secret": token_urlsafe(48)}, []),
        ({"admin_username": "admin", "admin_password": "analytical engine"}, []),
        ({"jwt_secret": "please-change-me-" + token_urlsafe(32)}, ["JWT_SECRET"]),
        ({"queue_secret": "0123" * 12}, ["QUEUE_SECRET"]),
        ({"jwt_former_secret": "your-secret-key-" + token_urlsafe(32)}, ["JWT_FORMER_SECRET"]),
        ({"jwt_former_secret": "short"}, ["JWT_FORMER_SECRET", "JWT_FORMER_SECRET"]),
        ({"jwt_former_secret": GOOD}, ["JWT_FORMER_SECRET"]),
        ({"admin_username": "admin", "admin_password": "admin123"}, ["ADMIN_PASSWORD"]),
        ({"admin_username": "ada", "admin_password": "Ada12345"}, []),
        ({"admin_username": "admin", "admin_password": "seven 7"}, ["ADMIN_PASSWORD"]),
        ({"admin_username": "admin"}, ["ADMIN_PASSWORD"]),
        ({"admin_password": "analytical engine"}, ["ADMIN_USERNAME"]),
        ({"admin_username": "the admin", "admin_password": "analytical engine"}, ["ADMIN_USERNAME"]),
        ({"admin_username": "<admin>", "admin_password": "analytical engine"}, ["ADMIN_USERNAME"]),
        ({"admin_username": "admin\x7f", "admin_password": "analytical engine"}, ["ADMIN_USERNAME"]),
        ({"queue_secret": GOOD}, ["QUEUE_SECRET"]),
        ({"queue_secret": OTHER, "jwt_former_secret": OTHER}, ["QUEUE_SECRET"]),
    ],
)
def test_production_refuses_what_others_could_know_and_names_it(more: dict[str, Any], named: list[str]) -> None:
    given = {"jwt_secret": GOOD, "queue_secret": token_urlsafe(48), "registration": "closed"}
    settings = Settings(console_env="production", **given | more)
    try:
        with_secrets(settings)
        problems = []
    except SettingsError as error:
        problems = error.problems
    assert [problem.split(" ")[0] for problem in problems] == named
    assert not [value for value in more.values() if value and value in "".join(problems) and len(value) > 5]


def test_no_secret_that_was_made_at_random_is_taken_for_an_example() -> None:
    for make in (token_urlsafe, token_hex):
        assert not any(is_guessable(make(32)) for _ in range(5_000))


def test_development_takes_the_seeds_administrator(tmp_path: Path) -> None:
    assert with_secrets(Settings(data_dir=tmp_path, admin_username="admin", admin_password="admin123"))


def test_a_short_secret_is_refused_everywhere_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        with_secrets(Settings(jwt_secret="hunter2", data_dir=tmp_path))
    assert refused.value.problems == ["JWT_SECRET has 7 characters: set at least 32"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"mysql://user:{HIDDEN}@host", "it names no database"),
        (f"mysql://user:{HIDDEN}@host:x/db", "it cannot be read"),
        (f"mysql://user:{HIDDEN}@host:70000/db", "its port must be 1-65535"),
        (f"mysql+aiomysql://user:{HIDDEN}@host/db", "it is of no known kind"),
        (f"postgres://user:{HIDDEN}@host/db", "it is of no known kind"),
        (f"mysql://user:{HIDDEN}@host/db?foo=1", "it has the unknown option 'foo' (only charset and unix_socket"),
        (f"mysql://user:{HIDDEN}@host/db?init_command=x", "it has the unknown option 'init_command'"),
        (f"mysql://user:{HIDDEN}@host/db?charset=latin1", "its charset must be utf8mb4"),
        (f"mysql://user:{HIDDEN}@host/db?unix_socket=/a&unix_socket=/b", "it has the option 'unix_socket' twice"),
        ("sqlite:///", "it names no database"),
        ("sqlite:///:memory:", "it names no file"),
        ("sqlite://host/file.db", "it names no file"),
        ("sqlite:///file.db?mode=ro", "it has the unknown option 'mode' (none may be given)"),
        (HIDDEN, "it cannot be read"),
    ],
)
def test_a_database_url_that_can_lead_nowhere_is_refused_with_the_reason(url: str, problem: str) -> None:
    (refusal,) = _problems({"DATABASE_URL": url})
    assert refusal.startswith(f"DATABASE_URL: {problem}")
    assert refusal.endswith("; it must be mysql://user:pass@host:3306/db or sqlite:///path")
    assert HIDDEN not in refusal


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:p%40ss@host/db",
        "mysql://user@[::1]:3307/db?charset=utf8mb4",
        "mysql://user@/db?unix_socket=/run/mysqld.sock",
        "sqlite:///relative.db",
        "sqlite:////absolute/file.db",
    ],
)
def test_a_database_url_that_can_be_tried_is_taken_as_it_is(url: str) -> None:
    assert load_settings({"DATABASE_URL": url}, None).database == url


def test_trusted_proxies_are_networks() -> None:
    settings = load_settings({"TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8 ,192.0.2.1"}, None)
    assert ip_address("10.9.9.9") in settings.trusted_networks
    assert ip_address("192.0.2.1") in settings.trusted_networks
    assert ip_address("127.0.0.1") not in settings.trusted_networks
    assert ip_address("127.0.0.1") in Settings().trusted_networks
    assert _problems({"TRUSTED_PROXIES": "10.0.0.0/8,edge"}) == [
        "TRUSTED_PROXIES: 'edge' is no network: write addresses or networks like 10.0.0.0/8"
    ]


@pytest.mark.parametrize("url", ["queue:4000", "ftp://queue:4000", "http://", "http://queue:4000/api", "http://q?x"])
def test_the_queue_services_url_is_one_that_can_be_called(url: str) -> None:
    assert _problems({"QUEUE_SERVICE_URL": url}) == ["QUEUE_SERVICE_URL: it must be http://host:port, without a path"]
    assert load_settings({"QUEUE_SERVICE_URL": "http://queue:4000/"}, None).queue_url == "http://queue:4000"
