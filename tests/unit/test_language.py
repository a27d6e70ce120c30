"""Which language a message is in."""

import pytest

from shared.messages import choose_language


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("*", "zh-CN"),
        ("de, fr", "zh-CN"),
        ("en", "en"),
        ("EN-us", "en"),
        ("zh-TW", "zh-CN"),
        ("en, zh", "en"),
        ("zh;q=0.5, en;q=0.8", "en"),
        ("en;q=0.5,zh;q=0.5", "en"),
        ("en;q=0, zh;q=0.1", "zh-CN"),
        ("en;q=0", "zh-CN"),
        ("en;q=nonsense", "zh-CN"),
        ("en;q=nan", "zh-CN"),
        (" en ; q=0.9 ", "en"),
        (";;;,,,=", "zh-CN"),
        ("english", "zh-CN"),
    ],
)
def test_the_first_language_we_have_by_its_weight(header: str | None, chosen: str) -> None:
    assert choose_language(header, "zh-CN") == chosen


def test_the_default_is_what_the_operator_set() -> None:
    assert choose_language("de", "en") == "en"
