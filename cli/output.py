"""What `console up` shows: its own messages, and the children's lines behind their names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.text import Text

_OURS: Final = "console"
_COLOURS: Final = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")


class Output:
    """Writes to a rich console: coloured on a terminal (unless NO_COLOR is set), plain elsewhere."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._width = max(len(name) for name in [_OURS, *names])
        self._styles = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
        self._is_broken = False

    def line(self, name: str, line: str) -> None:
        """A child's line, as it wrote it."""
        self._write(name, self._styles.get(name, ""), line, "")

    def say(self, message: str, style: str = "bold") -> None:
        """A message of ours."""
        self._write(_OURS, "bold", message, style)

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """Show that something is going on: a spinner on a terminal, one line elsewhere."""
        if not self._console.is_terminal:
            self.say(doing, "")
            yield
            return
        with self._console.status(doing):
            yield

    def _write(self, name: str, name_style: str, line: str, style: str) -> None:
        if self._is_broken:
            return
        text = Text.assemble((f"{name:<{self._width}} | ", name_style), (line, style))
        try:
            self._console.print(text, soft_wrap=True, highlight=False)
        except OSError:
            # whoever read us is gone (`console up | head`): that is no reason to take the cluster down
            self._is_broken = True
