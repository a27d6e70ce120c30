"""The tour of a README as a script: its bash blocks in order, each held against the answer printed below it.

    tour.py script README OUTPUT_FOLDER     the script, to be run by bash
    tour.py compare README LINE OUTPUT      exit status 1, and why, unless OUTPUT is what the README says at LINE

An answer is a `json` block (one value or several; every member it shows must be there with that value) or a `text`
block (the same lines). "…" in either stands for anything. Standard library only: it runs on a bare machine.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One bash block: where it begins, and what it is said to answer (None: anything)."""

    line: int
    command: str
    answer_kind: str | None = None
    answer: str = ""


def steps(readme: str) -> list[Step]:
    """The steps between the tour's markers."""
    begin, end = readme.index("<!-- tour:begin -->"), readme.index("<!-- tour:end -->")
    found: list[Step] = []
    for match in _FENCE.finditer(readme, begin, end):
        kind, text = match.groups()
        if kind == "bash":
            found.append(Step(readme.count("\n", 0, match.start()) + 1, text))
        elif kind in ("json", "text") and found and found[-1].answer_kind is None:
            found[-1] = Step(found[-1].line, found[-1].command, kind, text)
        else:
            raise ValueError(f"a block of kind {kind!r} has no place in the tour")
    return found


def script(path: str, folder: str) -> Iterator[str]:
    """The tour as one bash script: one shell runs every block, so that variables and functions carry over."""
    yield "set -euo pipefail"
    for step in steps(Path(path).read_text(encoding="utf-8")):
        output = shlex.quote(f"{folder}/{step.line}")
        yield f"echo {shlex.quote(f'{path}:{step.line}')} >&2"
        yield f"{{\n{step.command}}} >{output}"
        yield f"python3 {shlex.quote(__file__)} compare {shlex.quote(path)} {step.line} {output}"


def mismatch(step: Step, output: str) -> str | None:
    """Why an output is not what the README says; None when it is."""
    if step.answer_kind == "text":
        said, got = (_lines(text) for text in (step.answer, output))
        if len(said) == len(got) and all(_same_text(s, g) for s, g in zip(said, got, strict=True)):
            return None
        return f"other lines than the README's:\n{step.answer}"
    if step.answer_kind == "json":
        try:
            found = list(_values(output))
        except ValueError as error:
            return f"no JSON: {error}"
        return _difference(list(_values(step.answer)), found, "")
    return None


def _difference(said: Any, got: Any, where: str) -> str | None:
    if isinstance(said, dict) and isinstance(got, dict):
        for key, value in said.items():
            if key not in got:
                return f"{where}.{key} is missing"
            if why := _difference(value, got[key], f"{where}.{key}"):
                return why
        return None
    if isinstance(said, list) and isinstance(got, list):
        if len(said) != len(got):
            return f"{where} has {len(got)} items, the README says {len(said)}"
        pairs = enumerate(zip(said, got, strict=True))
        return next((why for i, (s, g) in pairs if (why := _difference(s, g, f"{where}[{i}]"))), None)
    if isinstance(said, str) and isinstance(got, str) and _same_text(said, got):
        return None
    # Python takes true for 1, JSON does not
    return None if said == got and type(said) is type(got) else f"{where} is {got!r}, the README says {said!r}"


def _same_text(said: str, got: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, said.split("…"))), got, re.DOTALL) is not None


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def _values(text: str) -> Iterator[Any]:
    """The JSON values of a text, one after the other."""
    text = text.strip()
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:].strip()


def main(arguments: Sequence[str]) -> int:
    if arguments[0] == "script":
        sys.stdout.write("\n".join(script(*arguments[1:])) + "\n")
        return 0
    path, line, output = arguments[1:]
    [step] = [s for s in steps(Path(path).read_text(encoding="utf-8")) if s.line == int(line)]
    got = Path(output).read_text(encoding="utf-8")
    if why := mismatch(step, got):
        sys.stderr.write(f"{path}:{line}: {why}\nit answered:\n{got}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
