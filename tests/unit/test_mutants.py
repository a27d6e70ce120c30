"""Each mutant breaks what it says it breaks: its text is there, and what is put in its place is a program. One that
does not even run is noticed by any test, and says nothing of the promise."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import MUTANTS
from tests.mutants.mutant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_text_is_there_once_and_its_tests_are_there(mutant: Mutant) -> None:
    assert Path(mutant.path).read_text().count(mutant.old) == 1
    assert mutant.old != mutant.new
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert Path(path).exists()
        assert not name or f"def {name.partition('[')[0]}(" in Path(path).read_text()


def test_each_is_a_program_without_undefined_names(tmp_path: Path) -> None:
    names: dict[str, str] = {}
    for number, mutant in enumerate(MUTANTS):
        if mutant.path.endswith(".py"):
            names[f"m{number}.py"] = mutant.name
            (tmp_path / f"m{number}.py").write_text(Path(mutant.path).read_text().replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--select", "E9,F821,F823"]
    ended = subprocess.run([*command, "--output-format", "concise", str(tmp_path)], capture_output=True, text=True)
    said = [line for line in ended.stdout.splitlines() if ".py:" in line]
    assert [(names[Path(line.split(":")[0]).name], line) for line in said] == []
    assert ended.returncode == 0, ended.stderr
