"""`python -m tests.mutants [NAME...]`: break each promise in a copy of the tree and see its tests go red."""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.mutants import accounts, applications, audit, board, controls, engine, jobs, live, operations, writer
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
)


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as at_once:
        verdicts = list(at_once.map(_is_caught, chosen))
    survivors = [mutant.name for mutant, is_caught in zip(chosen, verdicts, strict=True) if not is_caught]
    caught = len(chosen) - len(survivors)
    sys.stdout.write(f"{caught} of {len(chosen)} mutants caught\n")
    for name in survivors:
        sys.stdout.write(f"SURVIVED: {name}\n")
    return 1 if survivors or not chosen else 0


def _is_caught(mutant: Mutant) -> bool:
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
            sys.stdout.write(f"STALE    {mutant.name}: its text is not in {mutant.path} exactly once\n")
            return False
        target.write_text(text.replace(mutant.old, mutant.new))
        options = ("-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=first-failure")
        command = [sys.executable, "-m", "pytest", *options, *mutant.tests]
        try:
            ended = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=_HANGS_AFTER_S)
        except subprocess.TimeoutExpired:
            sys.stdout.write(f"HUNG     {mutant.name}: its tests must fail, not wait\n")
            return False
        failed = [line for line in ended.stdout.splitlines() if line.startswith("FAILED")]
        is_caught = ended.returncode == _RED and bool(failed)
        noticed = failed[0].split("::")[-1].split(" ")[0] if failed else ended.stdout[-500:]
        sys.stdout.write(f"{'caught  ' if is_caught else 'SURVIVED'} {mutant.name}: {noticed}\n")
        sys.stdout.flush()
        return is_caught


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
