"""The answer of OpenAI's Embeddings API: vectors as numbers or as base64, and cut to size."""

from __future__ import annotations

import base64
import math
import sys
from array import array

from forebay.core.errors import InvalidParameter
from forebay.core.money import Usage
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.turn import JsonObject


def embeddings_object(call: Call, outcome: Outcome) -> JsonObject:
    """Return the list of embeddings; raises `InvalidParameter` for vectors that are too short."""
    dimensions = call.body.get("dimensions")
    is_packed = call.body.get("encoding_format") == "base64"
    entries: list[JsonObject] = []
    for index, vector in enumerate(outcome.answer.embeddings):
        if isinstance(dimensions, int):
            vector = _fitted(vector, dimensions, model=call.model)
        shown = _packed(vector) if is_packed else vector
        entries.append({"object": "embedding", "index": index, "embedding": shown})
    usage = outcome.answer.usage or Usage()
    embeddings: JsonObject = {
        "object": "list",
        "data": entries,
        "model": call.model,
        "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
    }
    if outcome.extension:
        embeddings["forebay"] = outcome.extension
    return embeddings


def _fitted(vector: list[float], dimensions: int, *, model: str) -> list[float]:
    """Return the first dimensions, of length 1 again: what an engine does that knows the wish."""
    if len(vector) == dimensions:
        return vector
    if len(vector) < dimensions:
        raise InvalidParameter(
            f"Invalid value for 'dimensions': the model '{model}' makes vectors of "
            f"{len(vector)} dimensions, fewer than {dimensions}.",
            param="dimensions",
        )
    cut = vector[:dimensions]
    length = math.hypot(*cut)
    return [number / length for number in cut] if length else cut


def _packed(vector: list[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers).decode("ascii")
