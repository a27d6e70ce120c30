"""Generated files: a drift is shown, a marker that is missing is an error, nothing is drifted now."""

from pathlib import Path

import pytest

from tools import generated, openapi, schema, settings_docs
from tools.generated import Generated, run, with_part


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    return tmp_path


def test_nothing_has_drifted() -> None:
    files = [*settings_docs.generated(), *schema.generated(), *openapi.generated()]
    assert [file.path for file in files if file.difference()] == []


def test_a_check_shows_the_difference_and_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "a.txt").write_text("old\n")
    assert run([Generated("a.txt", "new\n"), Generated("b.txt", "")], ["--check"]) == 1
    said = capsys.readouterr().out
    assert "DRIFTED: a.txt" in said
    assert "-old\n+new\n" in said
    assert "ok: b.txt" in said
    assert (root / "a.txt").read_text() == "old\n"


def test_writing_brings_a_file_up_to_date(root: Path) -> None:
    file = Generated("a.txt", "new\n")
    assert run([file], []) == 0
    assert (root / "a.txt").read_text() == "new\n"
    assert run([file], ["--check"]) == 0


def test_only_the_part_between_the_markers_is_made(root: Path) -> None:
    (root / "a.md").write_text("kept\n<!-- x:begin -->\nold\n<!-- x:end -->\nkept too\n")
    assert with_part("a.md", "x", "new\n").text == "kept\n<!-- x:begin -->\nnew\n<!-- x:end -->\nkept too\n"


@pytest.mark.parametrize("text", ["", "<!-- x:begin -->", "<!-- x:end --><!-- x:begin -->"])
def test_a_page_without_both_markers_is_refused(root: Path, text: str) -> None:
    (root / "a.md").write_text(text)
    with pytest.raises(ValueError, match=r"a\.md must have"):
        with_part("a.md", "x", "")


def test_a_setting_without_a_chinese_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_docs, "MEANINGS", {"console_env": "…"})
    with pytest.raises(ValueError, match="queue_port"):
        settings_docs.generated()


def test_an_unknown_argument_is_refused() -> None:
    assert run([], ["--chek"]) == 2
