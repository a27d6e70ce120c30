"""A file, or a part of one, that is made from the code; written or compared, never edited by hand."""

import difflib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Generated:
    """What a file's whole text should be. `path` is relative to the root of the repository."""

    path: str
    text: str

    def write(self) -> bool:
        """Bring the file up to date; whether that changed it."""
        file = ROOT / self.path
        if _text_of(file) == self.text:
            return False
        file.write_text(self.text, encoding="utf-8")
        return True

    def difference(self) -> str:
        """A unified diff from the file to what it should be; empty when they are the same."""
        found = _text_of(ROOT / self.path)
        lines = difflib.unified_diff(
            found.splitlines(keepends=True), self.text.splitlines(keepends=True), self.path, f"{self.path} (generated)"
        )
        return "".join(lines)


def with_part(path: str, name: str, part: str) -> Generated:
    """The file with the text between its markers `<!-- NAME:begin -->` and `<!-- NAME:end -->` replaced by `part`.

    Raises ValueError when the file does not have both markers, each once and in that order.
    """
    text = _text_of(ROOT / path)
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"{path} must have {begin} and {end}, each once")
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return Generated(path, f"{before}{begin}\n{part}{end}{after}")


def run(files: Iterable[Generated], arguments: Sequence[str]) -> int:
    """Write the files, or with `--check` only compare them: one line for each, a diff for one that drifted.

    Returns the exit status: 1 when a check found a difference, 2 for an argument nobody knows.
    """
    if any(argument != "--check" for argument in arguments):
        sys.stderr.write("the only argument is --check\n")
        return 2
    drifted = False
    for file in files:
        if "--check" not in arguments:
            sys.stdout.write(f"{'written' if file.write() else 'as it was'}: {file.path}\n")
            continue
        difference = file.difference()
        sys.stdout.write(f"{'DRIFTED' if difference else 'ok'}: {file.path}\n{difference}")
        drifted |= bool(difference)
    if drifted:
        sys.stdout.write("bring them up to date with: python -m tools.drift\n")
    return int(drifted)


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
