"""The project's written pages, and what they show."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
READMES: Final = ("README.md", "README.zh-CN.md")
PAGES: Final = tuple(
    str(path.relative_to(ROOT)) for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
)

_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`([^`\n]+)`")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *kinds: str) -> list[str]:
    """The fenced blocks of these kinds, in order."""
    return [text for kind, text in _BLOCK.findall(text_of(page)) if kind in kinds]


def commands(page: str) -> list[str]:
    """Every line to be typed into a shell, without the remarks behind it."""
    lines = "".join(blocks(page, "bash", "sh")).splitlines()
    return [bare for line in lines if (bare := re.sub(r"(^|\s+)# .*", "", line).rstrip())]


def code(page: str) -> list[str]:
    """Everything in code type: inline and in shell blocks."""
    return _CODE.findall(_BLOCK.sub("", text_of(page))) + commands(page)


def anchors(page: str) -> set[str]:
    """The fragments that a link into the page may have, as GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
