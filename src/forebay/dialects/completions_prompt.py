"""The prompts of a plain completion, and who puts them before the answer when `echo` is wanted.

Not every engine echoes, and some ignore the wish. So the house puts a prompt that came as text
before its answer by itself, the same way for every engine. Only an engine can turn a prompt into
tokens and their logprobs, or tokens into text: those it is asked for, and held to (see
`TextChunkReader`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from forebay.core.errors import InvalidParameter, InvalidType, MissingParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

_Token = Annotated[int, msgspec.Meta(ge=0)]


def read_prompts(body: JsonObject) -> list[str] | list[list[int]]:
    """Return each prompt of the one or the many that the body holds, as text or as tokens.

    Raises `MissingParameter`: the vendor's default, a mark between two documents, is no token that
    every model has.
    """
    given = body.get("prompt")
    if given is None:
        raise MissingParameter("prompt")
    if isinstance(given, str):
        return [given]
    assert isinstance(given, list)
    _check_filled(given, at="prompt")
    match given[0]:
        case str():
            return read(given, list[str], at="prompt")
        case list():
            prompts = read(given, list[list[_Token]], at="prompt")
            for index, tokens in enumerate(prompts):
                _check_filled(tokens, at=f"prompt[{index}]")
            return prompts
        case int():
            return [read(given, list[_Token], at="prompt")]
        case _:
            raise InvalidType(
                "Invalid type for 'prompt': expected a string, an array of strings, an array of "
                "token integers or an array of such arrays.",
                param="prompt",
            )


def engine_must_echo(body: JsonObject) -> bool:
    """Whether the engine itself has to answer with the prompt."""
    if not body.get("echo"):
        return False
    is_text = isinstance(read_prompts(body)[0], str)
    return not is_text or body.get("logprobs") is not None or body.get("max_tokens") == 0


def echoed_texts(body: JsonObject) -> list[str]:
    """Return the text that the house puts before each choice; empty where it puts none."""
    if not body.get("echo") or engine_must_echo(body):
        return []
    n = body.get("n") or 1
    assert isinstance(n, int)
    return [str(prompt) for prompt in read_prompts(body) for _ in range(n)]


def _check_filled(tokens: list[object] | list[int], *, at: str) -> None:
    if not tokens:
        raise InvalidParameter(f"Invalid '{at}': array is empty.", param=at)
