"""The whole service as a process, with the embedded engine, through the official SDKs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import anthropic
import openai
import pytest
from openai.types import Batch
from openai.types.responses import Response

from forebay.cli.demo.receiver import receiving
from forebay.engines.known_models import DEFAULT_MODEL
from tests.default_model import require_default_model
from tests.server_process import KEY, ServerProcess

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

MODEL: Final = "smollm2"
ENDED_S = 60.0
POLL_S = 0.05

T = TypeVar("T")


def polled(look: Callable[[], T], is_over: Callable[[T], bool]) -> T:
    """Look again and again until it is over."""
    deadline = time.monotonic() + ENDED_S
    while time.monotonic() < deadline:
        found = look()
        if is_over(found):
            return found
        time.sleep(POLL_S)
    raise AssertionError("it took too long")


def ended_response(client: openai.OpenAI, response_id: str) -> Response:
    return polled(
        lambda: client.responses.retrieve(response_id),
        lambda response: response.status not in ("queued", "in_progress"),
    )


def ended_batch(client: openai.OpenAI, batch_id: str) -> Batch:
    return polled(
        lambda: client.batches.retrieve(batch_id),
        lambda batch: batch.status not in ("validating", "in_progress", "finalizing"),
    )


def batch_line(custom_id: str, *, max_tokens: int = 8) -> bytes:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"Say {custom_id}."}],
        "max_tokens": max_tokens,
    }
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


def created_batch(client: openai.OpenAI, *lines: bytes) -> Batch:
    file = client.files.create(file=("in.jsonl", b"".join(lines)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )


def window_of(answer: openai.BaseModel) -> str:
    assert answer.model_extra is not None
    return str(answer.model_extra["forebay"]["window"])


def cost_of(answer: openai.BaseModel) -> float:
    assert answer.model_extra is not None
    return float(answer.model_extra["forebay"]["cost"]["amount"])


def price_of(client: openai.OpenAI, response: Response, *, window: str) -> float:
    """Return what the response's tokens cost in a window, by the listed prices."""
    model = client.models.retrieve(MODEL)
    assert model.model_extra is not None and response.usage is not None
    price = model.model_extra["forebay"]["prices_per_million_tokens"][window]
    cached_tokens = response.usage.input_tokens_details.cached_tokens
    fresh_tokens = response.usage.input_tokens - cached_tokens
    total = (
        fresh_tokens * float(price["input"])
        + cached_tokens * float(price["cached"])
        + response.usage.output_tokens * float(price["output"])
    )
    return total / 1_000_000


def test_the_embedded_model_is_listed(client: openai.OpenAI) -> None:
    assert DEFAULT_MODEL in [model.id for model in client.models.list()]


def test_a_chat_completion_is_answered_and_priced(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello!"}], max_tokens=8
    )

    assert completion.choices[0].message.content
    assert completion.usage is not None and 0 < completion.usage.completion_tokens <= 8
    assert window_of(completion) == "asap"
    assert cost_of(completion) > 0


def test_a_chat_completion_is_streamed_piece_by_piece(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Tell me a long story."}],
        max_tokens=32,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)

    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices]
    assert sum(bool(piece) for piece in pieces) > 1
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 32


def test_a_response_is_streamed_and_kept(client: openai.OpenAI) -> None:
    with client.responses.create(
        model=MODEL, input="Tell me a story.", max_output_tokens=16, temperature=0, stream=True
    ) as stream:
        events = list(stream)

    ending = events[-1]
    assert ending.type in ("response.completed", "response.incomplete")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == ending.response.output_text != ""
    assert client.responses.retrieve(ending.response.id).output_text == text


def test_a_message_is_streamed_to_anthropics_client(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model=MODEL, max_tokens=16, messages=[{"role": "user", "content": "Tell me a story."}]
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()

    assert message.content[0].type == "text"
    assert message.content[0].text == text != ""
    assert 0 < message.usage.output_tokens <= 16


def test_the_beginning_of_an_answer_is_continued_and_the_stop_sequence_told(
    claude: anthropic.Anthropic,
) -> None:
    message = claude.messages.create(
        model=MODEL,
        max_tokens=32,
        messages=[
            {"role": "user", "content": "Count from one to ten in words, separated by commas."},
            {"role": "assistant", "content": "One, two, three, four, five, six,"},
        ],
        stop_sequences=["nine", "zzz"],
        extra_body={"temperature": 0},
    )

    assert message.content[0].type == "text"
    assert message.content[0].text.startswith(" seven")
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "nine")


def test_a_wrong_key_is_not_let_in(client: openai.OpenAI) -> None:
    stranger = client.with_options(api_key="fb-nobody")

    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_a_background_response_is_queued_at_once_and_ends_at_half_the_price(
    client: openai.OpenAI,
) -> None:
    queued = client.responses.create(
        model=MODEL, input="Count to ten.", max_output_tokens=16, background=True
    )

    assert queued.status == "queued"
    ended = ended_response(client, queued.id)
    assert ended.status in ("completed", "incomplete")
    assert ended.output_text
    assert window_of(ended) == "standard"
    assert cost_of(ended) == pytest.approx(price_of(client, ended, window="standard"), rel=1e-3)
    assert cost_of(ended) == pytest.approx(price_of(client, ended, window="asap") / 2, rel=1e-3)


def test_a_webhook_brings_what_get_returns(client: openai.OpenAI) -> None:
    with receiving() as receiver:
        queued = client.responses.create(
            model=MODEL,
            input="Say hi.",
            max_output_tokens=16,
            background=True,
            metadata={"completion_webhook": receiver.url, "webhook_token": "let-me-in"},
        )
        webhook = receiver.arrived.get(timeout=ENDED_S)

    assert webhook.authorization == "Bearer let-me-in"
    assert webhook.body == client.responses.with_raw_response.retrieve(queued.id).content
    assert json.loads(webhook.body)["id"] == queued.id
    assert b"let-me-in" not in webhook.body


def test_a_cancelled_background_response_stays_cancelled(client: openai.OpenAI) -> None:
    queued = client.responses.create(
        model=MODEL, input="Count to a thousand.", max_output_tokens=2000, background=True
    )

    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.retrieve(queued.id).status == "cancelled"


def test_a_batch_answers_each_line_under_its_custom_id(client: openai.OpenAI) -> None:
    names = [f"word-{n}" for n in range(6)]

    batch = ended_batch(client, created_batch(client, *map(batch_line, names)).id)

    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (6, 0)
    assert batch.output_file_id is not None
    output = client.files.content(batch.output_file_id).content.splitlines()
    assert sorted(json.loads(line)["custom_id"] for line in output) == names
    assert cost_of(batch) > 0


def test_a_batch_with_a_bad_line_fails_with_its_number(client: openai.OpenAI) -> None:
    batch = ended_batch(client, created_batch(client, batch_line("good"), b"not json\n").id)

    assert batch.status == "failed"
    assert batch.errors is not None and batch.errors.data is not None
    assert [error.line for error in batch.errors.data] == [2]


def test_a_batch_can_be_cancelled(client: openai.OpenAI) -> None:
    lines = [batch_line(f"line-{n}", max_tokens=400) for n in range(20)]
    batch = created_batch(client, *lines)

    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    assert ended_or_cancelled(client, batch.id).status == "cancelled"


def ended_or_cancelled(client: openai.OpenAI, batch_id: str) -> Batch:
    return polled(
        lambda: client.batches.retrieve(batch_id), lambda batch: batch.status != "cancelling"
    )


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    environ = {"FOREBAY_API_KEY": KEY, "FOREBAY_MODELS_DIR": str(require_default_model())}
    server = ServerProcess(tmp_path, environ=environ)
    try:
        server.start()
        with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY) as client:
            kept = client.responses.create(model=MODEL, input="Hi", max_output_tokens=8)
        server.end()
        server.start()
        with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY) as client:
            assert client.responses.retrieve(kept.id) == kept
    finally:
        server.end()
