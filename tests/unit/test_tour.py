"""The tour's own check can fail: each way in which an answer may differ from the README is noticed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.pages import READMES, ROOT, text_of
from tests.support.tour import Step, mismatch, steps

ANSWER = '{"data": {"id": 1, "ok": true, "tags": ["a", "b"], "token": "…"}}'


def difference(got: str, said: str = ANSWER, kind: str = "json") -> str | None:
    return mismatch(Step(1, "", kind, said), got)


def test_what_the_readme_leaves_out_does_not_matter() -> None:
    assert difference('{"more": 0, "data": {"id": 1, "ok": true, "tags": ["a", "b"], "token": "xyz"}}') is None


@pytest.mark.parametrize(
    ("got", "why"),
    [
        ('{"data": {"id": 2, "ok": true, "tags": ["a", "b"], "token": "x"}}', ".data.id is 2, the README says 1"),
        ('{"data": {"id": true, "ok": true, "tags": ["a", "b"], "token": "x"}}', ".data.id is True"),
        ('{"data": {"id": 1, "ok": true, "tags": ["a"], "token": "x"}}', ".data.tags has 1 items"),
        ('{"data": {"id": 1, "ok": true, "tags": ["a", "b"]}}', ".data.token is missing"),
        ('{"data": {"id": 1, "ok": true, "tags": ["a", "b"], "token": null}}', ".data.token is None"),
        ("", "has 0 items"),
        ("curl: (7) refused", "no JSON"),
    ],
)
def test_every_other_difference_is_named(got: str, why: str) -> None:
    assert why in (difference(got) or "")


def test_lines_are_compared_whole() -> None:
    said = "HTTP/1.1 201 …\nX: true\n"
    assert difference("HTTP/1.1 201 Created\r\nX: true\r\n", said, "text") is None
    assert difference("HTTP/1.1 201 Created\n", said, "text")
    assert difference("HTTP/1.1 409 Conflict\nX: true\n", said, "text")


@pytest.mark.parametrize("readme", READMES)
def test_most_steps_of_the_tour_say_what_they_answer(readme: str) -> None:
    found = steps(text_of(readme))
    assert len(found) >= 15
    assert sum(step.answer_kind is None for step in found) <= 1


def test_a_block_that_has_no_place_in_the_tour_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        steps("<!-- tour:begin -->\n```json\n{}\n```\n<!-- tour:end -->")


def test_the_script_stops_at_the_first_wrong_answer(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(
        "<!-- tour:begin -->\n```bash\necho '[1]'\n```\n```json\n[2]\n```\n"
        f"```bash\ntouch {tmp_path}/went-on\n```\n<!-- tour:end -->\n"
    )
    made = subprocess.run(
        ["python3", str(ROOT / "tests/support/tour.py"), "script", str(readme), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shutil.which("bash")
    done = subprocess.run(["bash", "-c", made.stdout], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the README says 2" in done.stderr
    assert not (tmp_path / "went-on").exists()
