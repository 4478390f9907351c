"""OpenAI's Embeddings: body to turn, vectors to the list of embeddings.

Source of the wire facts: OpenAI's API reference and OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from forebay.core.errors import ForebayError, InvalidParameter, InvalidType
from forebay.dialects.dialect import Call, DialectName, ErrorReply, Outcome, Wishes, Writer
from forebay.dialects.embeddings_output import embeddings_object
from forebay.dialects.errors import openai_error
from forebay.dialects.metadata import read_metadata
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.turn import EmbeddingTurn, JsonObject
from forebay.dialects.wire import read

MAX_ENTRIES = 2048

PARAMETERS = Parameters(
    honoured=frozenset({"model", "input", "encoding_format", "dimensions"}),
    # Not of this API as OpenAI has it: they are here for what they mean in the others.
    partly={"metadata": "`completion_window` works as in the other APIs; nothing is kept"},
    refused={"stream": Refusal(reason="embeddings are not streamed", neutral=(False,))},
    without_effect=frozenset({"user"}),
)

_Token = Annotated[int, msgspec.Meta(ge=0)]


class EmbeddingsBody(msgspec.Struct):
    """A call of Embeddings."""

    model: str
    input: str | list[object]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None


class EmbeddingsDialect:
    """Embeddings."""

    name = DialectName.EMBEDDINGS

    def within(self, project_id: str) -> EmbeddingsDialect:
        """Return the dialect for one project's calls: nothing is sealed in them."""
        return self

    def id_prefix(self) -> str:
        """Return the prefix of the ids under which embeddings are charged; answers have none."""
        return "embd_"

    def parse(self, body: JsonObject) -> tuple[EmbeddingTurn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        PARAMETERS.check(body)
        shape = read(body, EmbeddingsBody)
        turn = EmbeddingTurn(
            model=shape.model,
            inputs=_inputs(shape.input),
            dimensions=shape.dimensions,
            extra=PARAMETERS.unknown(body),
        )
        return turn, self.wishes(body)

    def wishes(self, body: JsonObject) -> Wishes:
        """Return the wishes alone of a body that was parsed before."""
        return Wishes(metadata=read_metadata(body))

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the list of embeddings; raises `InvalidParameter` for vectors that are short."""
        return embeddings_object(call, outcome)

    def writer(self, call: Call) -> Writer:
        """Embeddings are never streamed: no wish for it comes out of `parse`."""
        raise AssertionError("embeddings are not streamed")

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in OpenAI's words."""
        return openai_error(error)


def _inputs(given: str | list[object]) -> list[str] | list[list[int]]:
    """Return every input of the one or the many that were given, each as text or as tokens."""
    if isinstance(given, str):
        _check_filled(given, at="input")
        return [given]
    _check_filled(given, at="input")
    _check_count(given)
    match given[0]:
        case int():
            return [read(given, list[_Token], at="input")]
        case str():
            texts = read(given, list[str], at="input")
            for index, text in enumerate(texts):
                _check_filled(text, at=f"input[{index}]")
            return texts
        case list():
            lists = read(given, list[list[_Token]], at="input")
            for index, tokens in enumerate(lists):
                _check_filled(tokens, at=f"input[{index}]")
            return lists
        case _:
            raise InvalidType(
                "Invalid type for 'input': expected a string, an array of strings, an array of "
                "token integers or an array of such arrays.",
                param="input",
            )


def _check_count(given: list[object]) -> None:
    if len(given) > MAX_ENTRIES:
        raise InvalidParameter(
            f"Invalid 'input': array too long. Expected an array with maximum length "
            f"{MAX_ENTRIES}, but got an array with length {len(given)} instead.",
            param="input",
        )


def _check_filled(value: Sequence[object], *, at: str) -> None:
    if value == "":
        raise InvalidParameter(f"Invalid '{at}': input cannot be an empty string.", param=at)
    if not value:
        raise InvalidParameter(
            f"Invalid '{at}': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            param=at,
        )
