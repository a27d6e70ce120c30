"""`/api/docs`: all of the document, as one page that needs no script and no other host."""

import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser

from api_node.openapi.document import document
from api_node.openapi.example import curl
from api_node.openapi.page import page
from api_node.openapi.words import inline, prose
from api_node.routes import TABLE
from tests.contract.conftest import Board

VOID = {"meta", "link", "br", "img", "input", "hr"}
DOCUMENT = document(TABLE)


class Reader(HTMLParser):
    """What is on a page; an element that is not closed in its place is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        given = dict(attrs)
        assert not [name for name in given if name.startswith("on") or name in ("style", "src")]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_has_every_operation_and_every_link_leads_somewhere(board: Board) -> None:
    answer = await board.stranger.get("/api/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.raw == (await board.other.get("/api-docs")).raw
    reader = Reader(answer.raw.decode())
    operations = {o["operationId"] for item in DOCUMENT["paths"].values() for o in item.values() if "operationId" in o}
    assert operations <= set(reader.ids)
    assert {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert {link for link in reader.links if link.startswith("#")} <= {f"#{name}" for name in reader.ids}
    assert {link for link in reader.links if not link.startswith("#")} == {"/api/openapi.json"}
    assert not reader.seen & {"script", "iframe", "object", "form", "img", "link"}


async def test_the_page_can_be_read_by_a_screen_reader(board: Board) -> None:
    text = (await board.stranger.get("/api/docs")).raw.decode()
    reader = Reader(text)
    assert '<html lang="en">' in text
    assert reader.headings.count(1) == 1
    levels = [level for level in reader.headings if level > 0]
    assert {"nav", "main", "caption"} <= reader.seen
    assert reader.links[0] == "#content"
    assert max(levels) <= 4


async def test_the_style_sheet_is_the_one_that_the_policy_names(board: Board) -> None:
    answer = await board.stranger.get("/api/docs")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.raw.decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style


def test_what_comes_from_the_document_is_text() -> None:
    evil = "<script>alert(1)</script>"
    changed = json.loads(json.dumps(DOCUMENT).replace("Create a task", evil).replace("The Console", f"x{evil}"))
    assert "<script" not in page(changed)
    assert inline(f"`{evil}` **{evil}** {evil}").count("&lt;script&gt;") == 3
    assert prose("a\n\nb") == "<p>a</p><p>b</p>"


def test_the_example_calls_are_ones_a_shell_understands() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            words = shlex.split(curl(method.upper(), path, operation, schemas))
            assert words[0] == "curl"
            assert "{" not in words[1 if method == "get" else 3]
            if "-d" in words:
                assert isinstance(json.loads(words[words.index("-d") + 1]), dict)


async def test_the_bare_address_leads_to_the_page(board: Board) -> None:
    async with board.stranger.http.get("/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/api/docs")
    assert (await board.stranger.get("/")).headers["Content-Type"].startswith("text/html")
