"""`python -m tests.mutants [NAME...]`: break each promise in a copy of the tree and see its tests go red."""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Final

from tests.mutants import (
    accounts,
    applications,
    audit,
    board,
    controls,
    engine,
    jobs,
    live,
    operations,
    options,
    writer,
)
from tests.mutants.mutant import Mutant

_ROOT: Final = Path(__file__).resolve().parents[2]
_COPIED: Final = ("api_node", "cli", "queue_service", "shared", "sql", "tests", "pyproject.toml")
_RED: Final = 1
"""pytest's exit status for failed tests; any other one means that it could not run them."""
_HANGS_AFTER_S: Final = 120.0
MUTANTS: Final = (
    *writer.MUTANTS,
    *operations.MUTANTS,
    *board.MUTANTS,
    *live.MUTANTS,
    *accounts.MUTANTS,
    *applications.MUTANTS,
    *audit.MUTANTS,
    *jobs.MUTANTS,
    *engine.MUTANTS,
    *controls.MUTANTS,
    *options.MUTANTS,
)


class Verdict(StrEnum):
    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    STALE = "STALE"
    UNCERTAIN = "UNCERTAIN"
    """The tests neither passed nor failed: they hung, or what they need would not start."""


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as at_once:
        verdicts = dict(zip(chosen, at_once.map(_judge, chosen), strict=True))
    # a machine that is busy with another one's tests may be the reason: each has a second try, alone
    verdicts |= {mutant: _judge(mutant) for mutant, (verdict, _) in verdicts.items() if verdict is Verdict.UNCERTAIN}
    left = {mutant.name: said for mutant, said in verdicts.items() if said[0] is not Verdict.CAUGHT}
    sys.stdout.write(f"{len(chosen) - len(left)} of {len(chosen)} mutants caught\n")
    for name, (verdict, why) in left.items():
        sys.stdout.write(f"{verdict}: {name}: {why}\n")
    return 1 if left or not chosen else 0


def _judge(mutant: Mutant) -> tuple[Verdict, str]:
    """What became of it, and by which test or why; told as soon as it is known."""
    began = monotonic()
    verdict, why = _run(mutant)
    sys.stdout.write(f"{verdict:<8} {mutant.name}: {why} ({monotonic() - began:.0f} s)\n")
    sys.stdout.flush()
    return verdict, why


def _run(mutant: Mutant) -> tuple[Verdict, str]:
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in _COPIED:
            source = _ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / name)
        target = tree / mutant.path
        text = target.read_text()
        if text.count(mutant.old) != 1:
            return Verdict.STALE, f"its text is not in {mutant.path} exactly once"
        target.write_text(text.replace(mutant.old, mutant.new))
        options = ("-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=first-failure")
        command = [sys.executable, "-m", "pytest", *options, *mutant.tests]
        try:
            ended = subprocess.run(
                command, cwd=tree, env=_environment(), capture_output=True, text=True, timeout=_HANGS_AFTER_S
            )
        except subprocess.TimeoutExpired:
            return Verdict.UNCERTAIN, f"hung for {_HANGS_AFTER_S:g} s: its tests must fail, not wait"
        failed = [line for line in ended.stdout.splitlines() if line.startswith("FAILED")]
        if ended.returncode == _RED and failed:
            return Verdict.CAUGHT, failed[0].split("::")[-1].split(" ")[0]
        verdict = Verdict.SURVIVED if ended.returncode == 0 else Verdict.UNCERTAIN
        return verdict, f"{ended.stdout[-1_500:]}{ended.stderr[-500:]}"


def _environment() -> dict[str, str]:
    """Where CI is set, pytest compares long lists line by line to show them whole, which takes minutes."""
    return {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
