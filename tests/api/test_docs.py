"""The page at `/docs`, and what stands at `/`."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from forebay import __version__
from forebay.api.docs.operations import curl
from forebay.api.openapi.errors import raised_by
from forebay.api.operations import every_operation
from forebay.dialects import chat
from forebay.dialects.errors import anthropic_status, openai_status
from tests.api.conftest import Front
from tests.api.described import description_of

VOID = {"meta", "link", "input"}


class Reader(HTMLParser):
    """Reads the page as a browser would: its text, its ids, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: dict[str, str] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(page)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        place = given.get("id") or (self._open[-1][1] if self._open else "")
        if tag not in VOID:
            self._open.append((tag, place))
        if identity := given.get("id"):
            self.ids.append(identity)
        for name in ("src", "href"):
            if target := given.get(name):
                (self.links if tag == "a" else self.loaded).append(target)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        place = self._open[-1][1] if self._open else ""
        self.text[place] = self.text.get(place, "") + data


@pytest.fixture
async def page(front: Front) -> str:
    """The page as it is sent."""
    answer = await front.http.get("/docs", headers={"authorization": ""})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


async def test_the_page_shows_every_operation_with_a_call_to_paste(page: str) -> None:
    shown = Reader(page).text
    for operation in every_operation():
        said = shown[operation.id]
        assert operation.path in said
        assert operation.summary in said
        assert operation.is_websocket or curl(operation) in said


async def test_the_page_shows_how_each_parameter_is_taken(page: str) -> None:
    table = re.sub(r"<[^>]+>", "|", page[page.index('id="post_chat_completions"') :])
    for name in chat.PARAMETERS.honoured:
        assert re.search(rf"\|{name}\|[^\n]*?\|honoured\|", table), name
    for name, refusal in chat.PARAMETERS.refused.items():
        assert re.search(rf"\|{name}\|[^\n]*?\|refused\|[^\n]*?{re.escape(refusal.reason)}", table)
    for name in chat.PARAMETERS.without_effect:
        assert re.search(rf"\|{name}\|[^\n]*?\|without effect\|", table), name


async def test_the_page_shows_every_shape(front: Front, page: str) -> None:
    reader = Reader(page)
    for name in (await description_of(front)).document["components"]["schemas"]:
        assert f"shape-{name}" in reader.ids


async def test_the_page_shows_every_error_with_both_statuses(page: str) -> None:
    errors = re.sub(r"<[^>]+>", "|", page[page.index('id="errors"') :])
    for kind in {kind for operation in every_operation() for kind in raised_by(operation)}:
        statuses = rf"\|+{openai_status(kind)}\|+{anthropic_status(kind)}\|"
        assert re.search(rf"\|{kind.code}{statuses}", errors), kind


async def test_its_links_lead_somewhere_and_it_loads_nothing(page: str) -> None:
    reader = Reader(page)
    assert reader.loaded == ["data:,"]
    assert len(reader.ids) == len(set(reader.ids))
    for link in reader.links:
        assert link == "/openapi.json" or link.removeprefix("#") in reader.ids, link


async def test_the_policy_lets_the_pages_own_style_and_script_run(front: Front, page: str) -> None:
    policy = (await front.http.get("/docs")).headers["content-security-policy"]
    for name in ("style", "script"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_front_page_answers_whoever_looks(front: Front, method: str) -> None:
    answer = await front.http.request(method, "/", headers={"authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


async def test_the_front_page_says_who_answers_and_leads_on(front: Front) -> None:
    page = (await front.http.get("/")).json()
    assert (page["name"], page["version"]) == ("forebay", __version__)
    for link in page["links"].values():
        assert (await front.http.get(link)).status_code == 200, link
