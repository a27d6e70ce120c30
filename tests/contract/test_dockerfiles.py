"""The images without a Docker engine: what the Dockerfiles promise, and their build steps done in a clean folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.dockerfile import build, exec_form, stages_of, steps_of

ROOT = Path(__file__).resolve().parents[2]
BASE_PYTHON = os.path.realpath(sys.executable)
IMAGES = [("Dockerfile.api", "api_node", 3000), ("Dockerfile.queue", "queue_service", 4000)]

both = pytest.mark.parametrize(("name", "module", "port"), IMAGES)


@both
def test_it_runs_its_module_as_nobody_in_particular(name: str, module: str, port: int) -> None:
    steps = {step.verb: step for step in stages_of(ROOT / name)[-1]}

    assert exec_form(steps["CMD"]) == ["python", "-m", module]
    assert steps["USER"].rest == "10001:10001"
    assert steps["EXPOSE"].rest == str(port)
    assert f"127.0.0.1:{port}/api/health" in steps["HEALTHCHECK"].rest
    assert "org.opencontainers.image.title" in steps["LABEL"].rest


@both
def test_its_base_is_pinned_and_its_dependencies_are_locked(name: str, module: str, port: int) -> None:
    bases = [step.rest.split()[0] for step in steps_of(ROOT / name) if step.verb == "FROM"]
    runs = " ".join(step.rest for step in steps_of(ROOT / name) if step.verb == "RUN")

    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)
    assert "--require-hashes -r requirements.lock" in runs
    assert "--no-deps --no-build-isolation ." in runs


@both
def test_everything_it_copies_exists_and_is_let_through(name: str, module: str, port: int) -> None:
    let_through = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    for step in stages_of(ROOT / name)[0]:
        if step.verb == "COPY":
            for source in step.rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in let_through


@pytest.mark.campaign
@both
def test_its_build_steps_make_a_program_that_runs(name: str, module: str, port: int, tmp_path: Path) -> None:
    build(stages_of(ROOT / name)[0], ROOT, tmp_path, BASE_PYTHON)
    folder = tmp_path / "srv"
    folder.mkdir()
    bin_folder = tmp_path / "opt/venv/bin"
    environ = {"PATH": f"{bin_folder}:/usr/bin:/bin", "CONSOLE_ENV": "production", "DATA_DIR": str(folder)}

    refused = subprocess.run(["python", "-m", module], cwd=folder, env=environ, capture_output=True, text=True)
    migrated = subprocess.run(["console", "migrate"], cwd=folder, env=environ, capture_output=True, text=True)

    assert refused.returncode == 78, refused.stderr
    assert "JWT_SECRET is not set" in refused.stderr
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    assert not (bin_folder / "caddy").exists()
