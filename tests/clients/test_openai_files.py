"""Files, and uploads in parts, through OpenAI's client for Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.environments import Clients

Play = Callable[[str], JsonObject]

# Both majors make these calls alike: one of them is enough.
NEWEST = pytest.mark.parametrize("play", ["openai-3"], indirect=True)


@pytest.fixture(params=["openai-2", "openai-3"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "openai_files", name)


def test_a_file_is_kept_until_it_is_deleted(play: Play) -> None:
    assert play("kept") == {
        "bytes": 10,
        "life_s": 3600,
        "is_found": True,
        "status": "processed",
        "text": "some notes",
        "part": "notes",
        "pieces": "some notes",
        "is_deleted": True,
        "later": {"class": "NotFoundError", "param": None},
    }


@NEWEST
def test_files_are_listed_by_pages(play: Play) -> None:
    assert play("listed") == {
        "oldest_first": ["one", "two", "three"],
        "newest_first": ["three", "two", "one"],
        "has_other": False,
        "all_have_other": True,
    }


def test_a_file_is_sent_in_parts(play: Play) -> None:
    assert play("uploaded") == {
        "status": "completed",
        "filename": "rows.jsonl",
        "bytes": 15890,
        "is_same": True,
        "is_listed": True,
    }


@NEWEST
def test_parts_may_come_in_any_order(play: Play) -> None:
    assert play("ordered") == {
        "parts": 4,
        "is_same": True,
        "again": {"class": "BadRequestError", "param": "upload_id"},
    }


@NEWEST
def test_an_upload_is_what_it_was_said_to_be(play: Play) -> None:
    assert play("mistaken") == {
        "wrong_md5": {"class": "BadRequestError", "param": "md5"},
        "wrong_size": {"class": "BadRequestError", "param": "part_ids"},
        "cancelled": "cancelled",
        "later": {"class": "BadRequestError", "param": "upload_id"},
    }
