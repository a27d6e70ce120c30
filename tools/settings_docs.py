"""`python -m tools.settings_docs [--check]`: the settings as tables in both READMEs and as `.env.example`.

The source is `shared.settings`: a field's description is the documentation of the setting.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from shared.settings import Settings
from tools.generated import Generated, run, with_part
from tools.settings_zh import MEANINGS

_COMPOSE_ONLY: Final = (
    "# read by compose.yaml alone: the password of the MySQL account; none of / @ : % in it\n#MYSQL_PASSWORD=\n"
)
_HEADER: Final = """\
# Every setting with its default. Copy this file to .env and take the # away from what you change.
# Flags of the `console` command win over the environment, the environment over .env.
# Made from shared/settings.py by `python -m tools.settings_docs`: do not edit it here.
"""


def generated() -> list[Generated]:
    """Every file that shows the settings. Raises ValueError when one has no Chinese meaning, or one too many."""
    if MEANINGS.keys() != Settings.model_fields.keys():
        raise ValueError(f"tools/settings_zh.py differs: {sorted(MEANINGS.keys() ^ Settings.model_fields.keys())}")
    english = _table(("Setting", "Default", "Values", "Meaning"), lambda name, field: field.description or "")
    chinese = _table(("设置", "默认值", "取值", "含义"), lambda name, field: MEANINGS[name])
    return [
        with_part("README.md", "settings", english),
        with_part("README.zh-CN.md", "settings", chinese),
        Generated(".env.example", env_example()),
    ]


def env_example() -> str:
    """The text of `.env.example`: each setting commented out, at its default."""
    parts = [_HEADER]
    for name, field in Settings.model_fields.items():
        values = _values(field)
        allowed = f" ({values})" if values else ""
        parts.append(f"# {field.description}{allowed}\n#{name.upper()}={_default(field)}\n")
    return "\n".join([*parts, _COMPOSE_ONLY])


def _table(titles: tuple[str, ...], meaning: Callable[[str, FieldInfo], str]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in _rows(titles, meaning))


def _rows(titles: tuple[str, ...], meaning: Callable[[str, FieldInfo], str]) -> Iterator[tuple[str, ...]]:
    yield titles
    yield ("---",) * len(titles)
    for name, field in Settings.model_fields.items():
        default = _default(field)
        cells = (f"`{name.upper()}`", f"`{default}`" if default else "", _values(field), meaning(name, field))
        yield tuple(cell.replace("|", "\\|") for cell in cells)


def _default(field: FieldInfo) -> str:
    return str(field.default)


def _values(field: FieldInfo) -> str:
    """What is allowed: the words, or the bounds of a number; empty where nothing is to be said."""
    if get_origin(field.annotation) is Literal:
        return " | ".join(get_args(field.annotation))
    least = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    if least is None:
        return ""
    return f">= {least}" if most is None else f"{least}-{most}"


if __name__ == "__main__":
    sys.exit(run(generated(), sys.argv[1:]))
