"""Colours: each child its own on a terminal, none with NO_COLOR, none elsewhere."""

import io

import pytest
from rich.console import Console

from cli.output import Output


def _printed(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool, no_color: bool = False) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    output = Output(Console(file=file, force_terminal=is_terminal), ["queue", "api-1"])
    output.line("queue", "one")
    output.line("api-1", "two")
    return file.getvalue()


def test_each_child_has_its_own_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = _printed(monkeypatch, is_terminal=True)

    assert printed == "\x1b[36mqueue   | \x1b[0mone\n\x1b[32mapi-1   | \x1b[0mtwo\n"


@pytest.mark.parametrize(("is_terminal", "no_color"), [(False, False), (True, True)])
def test_elsewhere_and_with_no_color_the_text_is_plain(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, no_color: bool
) -> None:
    printed = _printed(monkeypatch, is_terminal=is_terminal, no_color=no_color)

    assert printed == "queue   | one\napi-1   | two\n"
