"""The lines of batches whose server dies: what they ask, and what each must come to.

Prices are such that a line's cost is never a whole number of nano-units: how lines are gathered
must not change their sum.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.crash.callers import Json
from tests.crash.rote_engine import PIECES, RoteEngine, answer_to

CHATS = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"

PRICE = "{ input = 0.0125, output = 0.2 }"
PICOS_OF_INPUT, PICOS_OF_OUTPUT = 3750, 60_000  # a token of these, at three tenths


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line; one that is refused has a parameter that no model takes."""

    custom_id: str
    model: str
    prompt: str
    is_refused: bool = False

    @property
    def answer(self) -> str:
        """What the engine answers."""
        return answer_to(self.prompt)

    @property
    def input_tokens(self) -> int:
        """What the engine counts of the prompt."""
        return len(self.prompt.split())

    @property
    def cost_nanos(self) -> int:
        """What the answer costs in a batch, rounded half up."""
        picos = self.input_tokens * PICOS_OF_INPUT + PIECES * PICOS_OF_OUTPUT
        return (picos + 500) // 1000

    def body(self, endpoint: str) -> Json:
        """Return what is asked of the endpoint."""
        body: Json = {"model": self.model}
        if endpoint == RESPONSES:
            body["input"] = self.prompt
        else:
            body["messages"] = [{"role": "user", "content": self.prompt}]
        if endpoint == MESSAGES:
            body["max_tokens"] = 4 * PIECES
        if self.is_refused:
            body["temperature"] = 9
        return body


Lines = Mapping[str, Line]
"""The lines of a batch by their custom ids."""


def by_custom_id(lines: Iterable[Line]) -> Lines:
    """Return the lines of a batch."""
    return {line.custom_id: line for line in lines}


def input_file(lines: Lines, endpoint: str) -> bytes:
    """Return the content of the batch's input."""
    written = [
        {
            "custom_id": line.custom_id,
            "method": "POST",
            "url": endpoint,
            "body": line.body(endpoint),
        }
        for line in lines.values()
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in written)


def text_of(result: Json, endpoint: str) -> str:
    """Return the text of an answer, from its line in the output."""
    if endpoint == MESSAGES and "result" in result:
        body = result["result"]["message"]  # type: ignore[index]
    else:
        body = result["response"]["body"]  # type: ignore[index]
    if endpoint == CHATS:
        return str(body["choices"][0]["message"]["content"])
    if endpoint == RESPONSES:
        return str(body["output"][0]["content"][0]["text"])
    return str(body["content"][0]["text"])


def write_models(folder: Path, engine: RoteEngine, models: Iterable[str], *, slots: int) -> Path:
    """Write the settings of a server with these models, all of them the engine's one."""
    config = folder / "forebay.toml"
    config.write_text(
        "\n".join(
            f'[models."{model}"]\n'
            f'engines = ["{engine.url}"]\n'
            'engine_model = "rote"\n'
            f"slots = {slots}\n"
            f"price = {PRICE}\n"
            for model in models
        )
    )
    return config
