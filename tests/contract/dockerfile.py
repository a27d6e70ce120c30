"""Read a Dockerfile, and do its first stage's steps in a folder instead of an image."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One instruction: `COPY`, `RUN`, ... and the rest of its (joined) line."""

    verb: str
    rest: str


def steps_of(path: Path) -> list[Step]:
    """The instructions in order, comments left out, continued lines joined."""
    joined = path.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [Step(*line.split(maxsplit=1)) for line in lines]


def stages_of(path: Path) -> list[list[Step]]:
    """The instructions by build stage; each begins with its FROM."""
    stages: list[list[Step]] = []
    for step in steps_of(path):
        if step.verb == "FROM":
            stages.append([])
        stages[-1].append(step)
    return stages


def exec_form(step: Step) -> list[str]:
    """The words of a CMD in exec form; raises ValueError for the shell form."""
    words: list[str] = json.loads(step.rest)
    return words


def build(steps: list[Step], context: Path, root: Path, python: str) -> None:
    """Do COPY and RUN with `root` as the image's `/`; `python` stands for the base image's interpreter.

    What an instruction names by absolute path is looked for under `root`. Raises CalledProcessError when a step fails.
    """
    folder = root
    environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for step in steps:
        match step.verb:
            case "WORKDIR":
                folder = _under(root, step.rest)
                folder.mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, target = step.rest.split()
                for source in sources:
                    _copy(context / source, folder / target if target[0] != "/" else _under(root, target))
            case "RUN":
                command = step.rest.replace("/opt/venv", str(root / "opt/venv"))
                command = f"{python}{command.removeprefix('python')}" if command.startswith("python ") else command
                subprocess.run(
                    ["/bin/sh", "-ec", command], cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL
                )


def _under(root: Path, path: str) -> Path:
    return root / path.removeprefix("/")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target / source.name if target.is_dir() else target)
