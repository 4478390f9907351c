"""What is decided without asking anybody: which server, when to try again, how long it may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.cli.batch.bodies import OptionMisplaced
from forebay.cli.batch.pace import Outlook, Pace, seconds_text
from forebay.cli.batch.reaching import named_server
from forebay.cli.batch.retrying import TRIES, pause_after_answer
from forebay.cli.batch.server import AddressWrong, base_url
from forebay.cli.batch.shapes import BatchView, Counts
from forebay.cli.batch.state import RunState
from forebay.cli.batch.wishes import ServerWish
from tests.fakes import START

ENVIRON = {
    "FOREBAY_BASE_URL": "http://ours:1",
    "FOREBAY_API_KEY": "our key",
    "OPENAI_BASE_URL": "http://theirs:1/v1",
    "OPENAI_API_KEY": "their key",
}


def found(wish: ServerWish) -> tuple[str, str | None] | None:
    server = named_server(wish)
    return None if server is None else (str(server.url), server.key)


def test_an_option_wins_over_our_variables_and_those_over_openais() -> None:
    theirs = {name: value for name, value in ENVIRON.items() if name.startswith("OPENAI")}

    assert found(ServerWish(base_url="http://named", environ=ENVIRON)) == (
        "http://named/v1",
        "our key",
    )
    assert found(ServerWish(environ=ENVIRON)) == ("http://ours:1/v1", "our key")
    assert found(ServerWish(environ=theirs)) == ("http://theirs:1/v1", "their key")
    assert found(ServerWish(api_key="k", environ=theirs)) == ("http://theirs:1/v1", "k")


@pytest.mark.parametrize(
    ("url", "environ", "key"),
    [
        (None, {"OPENAI_BASE_URL": "http://t:1", "FOREBAY_API_KEY": "ours"}, None),
        (None, {"FOREBAY_BASE_URL": "http://o:1", "OPENAI_API_KEY": "theirs"}, None),
        ("http://t:1/v1", {"OPENAI_BASE_URL": "http://t:1", "FOREBAY_API_KEY": "ours"}, None),
        ("https://api.openai.com", {"FOREBAY_API_KEY": "ours"}, None),
        ("https://api.openai.com", {**ENVIRON, "OPENAI_BASE_URL": ""}, "their key"),
        ("http://theirs:1", ENVIRON, "their key"),
        ("http://ours:1/v1", ENVIRON, "our key"),
        ("http://theirs:2", ENVIRON, "our key"),
        ("http://other", {"OPENAI_API_KEY": "theirs"}, "theirs"),
    ],
)
def test_a_key_of_the_environment_goes_to_no_host_that_the_other_service_has(
    url: str | None, environ: dict[str, str], key: str | None
) -> None:
    server = named_server(ServerWish(base_url=url, environ=environ))

    assert server is not None
    assert server.key == key


def test_a_key_that_is_given_goes_wherever_it_is_sent() -> None:
    wish = ServerWish(api_key="k", environ={"OPENAI_BASE_URL": "http://t:1"})

    assert found(wish) == ("http://t:1/v1", "k")


def test_an_option_about_the_data_directory_wins_over_the_environment() -> None:
    assert found(ServerWish(data_dir=Path("data"), environ=ENVIRON)) is None
    assert found(ServerWish()) is None


def test_a_named_server_has_no_data_directory() -> None:
    with pytest.raises(OptionMisplaced, match="--data-dir says nothing"):
        named_server(ServerWish(base_url="http://named", data_dir=Path("data")))


def test_a_key_is_not_shown_with_its_server() -> None:
    assert "our key" not in repr(named_server(ServerWish(environ=ENVIRON)))


@pytest.mark.parametrize(
    ("text", "url"),
    [("http://h:1/", "http://h:1/v1"), ("https://h/a/v1", "https://h/a/v1"), ("http://h/v2", None)],
)
def test_a_base_url_ends_in_its_version(text: str, url: str | None) -> None:
    assert str(base_url(text)) == (url or text)


@pytest.mark.parametrize(
    "text",
    ["h:1", "ftp://h", "http://user:secret@h", "http://h?key=secret", "http://h\nsecret"],
)
def test_what_is_no_base_url_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(AddressWrong) as caught:
        base_url(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "is_safe", "tries", "pause_s"),
    [
        (500, {}, True, 1, 0.5),
        (502, {}, True, 4, 4.0),
        (429, {"Retry-After": "7"}, True, 1, 7.0),
        (429, {"Retry-After": "900"}, True, 1, None),
        (500, {}, False, 1, None),
        (429, {}, False, 1, 0.5),
        (400, {}, True, 1, None),
        (500, {"x-should-retry": "false"}, True, 1, None),
        (409, {"x-should-retry": "true"}, True, 1, 0.5),
        (500, {}, True, TRIES, None),
    ],
)
def test_a_call_is_made_again_where_that_can_help_and_does_no_harm(
    status: int, headers: dict[str, str], is_safe: bool, tries: int, pause_s: float | None
) -> None:
    assert pause_after_answer(tries, status, headers, now=START, is_safe=is_safe) == pause_s


def test_the_rate_and_what_is_left_follow_from_the_counts() -> None:
    pace = Pace()

    def at(now_s: float, done: int) -> Outlook:
        counts = Counts(total=100, completed=done)
        batch = BatchView(id="b", status="in_progress", request_counts=counts)
        return pace.seen(batch, now_s=now_s, unix_s=0)

    assert at(0, 0) == Outlook()
    assert at(1, 10) == Outlook()
    assert at(11, 60) == Outlook(lines_per_s=5.0, left_s=8.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.21, "4.2 s"), (75, "75 s"), (600, "10 min"), (7500, "2 h 5 min")]
)
def test_a_time_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_each_step_of_each_run_has_a_key_of_its_own() -> None:
    first = RunState(run_id="1", place="p", input_sha256="s", options={})
    second = RunState(run_id="2", place="p", input_sha256="s", options={})

    keys = {first.key("file"), first.key("batch"), second.key("file"), second.key("batch")}

    assert len(keys) == 4
    assert all(len(key) <= 255 for key in keys)
