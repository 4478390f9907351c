"""The whole page: one file of HTML with its style and its script in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from forebay import __version__
from forebay.api.docs.markup import Markup, code, joined, paragraphs, prose, table, tag, text
from forebay.api.docs.operations import operation_view
from forebay.api.docs.schemas import component_view
from forebay.api.openapi.document import ABOUT
from forebay.api.openapi.errors import (
    AnthropicError,
    OpenAIError,
    meaning,
    raised_by,
    statuses_of,
)
from forebay.api.openapi.operation import Group, Operation, Words
from forebay.api.openapi.schemas import Schemas
from forebay.core.errors import ForebayError

LEGEND = """\
*honoured*: it does what the vendor says of it. *in part*: the note says what of it is.
*refused*: a 400 names it, for ignoring it would change the result; the values shown change nothing
and are let through. *without effect*: taken, for real clients send it, and it changes nothing.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and the policy by which a browser runs what is in it and loads nothing else."""

    content: bytes
    policy: str


def docs_page(operations: Sequence[Operation], schemas: Schemas) -> Page:
    """Return the page that describes these operations."""
    style, script = _read("page.css"), _read("page.js")
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<link rel="icon" href="data:,">'),
        tag("title", text("Forebay: the API")),
        tag("style", Markup(style)),
    )
    body = tag(
        "body", _navigation(operations), _main(operations, schemas), tag("script", Markup(script))
    )
    html = "<!doctype html>\n" + tag("html", head, body, lang="en")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html.encode(), policy)


def _navigation(operations: Sequence[Operation]) -> Markup:
    groups = []
    for group in _groups(operations):
        links = [
            tag("li", tag("a", text(operation.summary), href=f"#{operation.id}"))
            for operation in operations
            if operation.group is group
        ]
        groups.append(joined(tag("h2", text(group.value)), tag("ul", *links)))
    search = Markup(
        '<input type="search" id="search" placeholder="Find an operation" aria-label="Find">'
    )
    more = tag(
        "ul",
        tag("li", tag("a", text("Errors"), href="#errors")),
        tag("li", tag("a", text("Shapes"), href="#shapes")),
        tag("li", tag("a", text("openapi.json"), href="/openapi.json")),
    )
    return tag("nav", search, *groups, tag("h2", text("More")), more)


def _main(operations: Sequence[Operation], schemas: Schemas) -> Markup:
    parts = [
        tag("h1", text("Forebay "), tag("small", text(__version__))),
        paragraphs(ABOUT),
        paragraphs(LEGEND),
    ]
    for group in _groups(operations):
        views = [
            operation_view(operation, schemas)
            for operation in operations
            if operation.group is group
        ]
        parts.append(tag("section", tag("h3", text(group.value)), *views))
    parts.append(_errors(operations, schemas))
    shapes = [component_view(name, made) for name, made in sorted(schemas.components.items())]
    parts.append(tag("section", tag("h3", text("Shapes"), id="shapes"), *shapes))
    return tag("main", *parts)


def _errors(operations: Sequence[Operation], schemas: Schemas) -> Markup:
    kinds: set[type[ForebayError]] = set()
    for operation in operations:
        kinds.update(raised_by(operation))
    rows = [
        (
            code(kind.code),
            text(_statuses(kind, Words.OPENAI)),
            text(_statuses(kind, Words.ANTHROPIC)),
            prose(meaning(kind)),
        )
        for kind in sorted(kinds, key=lambda kind: (_statuses(kind, Words.OPENAI), kind.code))
    ]
    for shape in (OpenAIError, AnthropicError):
        schemas.of(shape)
    shapes = prose("An error is said as one of these: ")
    links = [
        tag("a", text(name), href=f"#shape-{name}") for name in ("OpenAIError", "AnthropicError")
    ]
    return tag(
        "section",
        tag("h3", text("Errors"), id="errors"),
        tag("p", shapes, links[0], text(" or "), links[1], text(".")),
        table(("code", "OpenAI", "Anthropic", "meaning"), rows),
    )


def _statuses(kind: type[ForebayError], words: Words) -> str:
    return ", ".join([str(status) for status in sorted(statuses_of(kind, words))])


def _groups(operations: Sequence[Operation]) -> list[Group]:
    used = {operation.group for operation in operations}
    return [group for group in Group if group in used]


def _read(name: str) -> str:
    return files("forebay.api.docs").joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
