"""Completions and Embeddings: what each honoured parameter changes, and where."""

from __future__ import annotations

from forebay.dialects import completions, embeddings
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import text
from tests.dialects.honoured import (
    Api,
    Case,
    answered,
    asked,
    passed_on,
    sent,
    sent_each,
    told,
    wished,
)

LOGPROBS: JsonObject = {
    "tokens": ["a"],
    "token_logprobs": [-0.5],
    "top_logprobs": [{"a": -0.5}],
    "text_offset": [0],
}
SAID = [Delta(text="a", text_logprobs=LOGPROBS)]
VECTOR = [Delta(embeddings=([0.5, 0.5, 0.5, 0.5],))]

COMPLETIONS = Api(
    path="/v1/completions",
    parameters=completions.PARAMETERS,
    dialect=completions.CompletionsDialect(),
    body={"model": "m", "prompt": "Once"},
    cases=(
        Case(name="model", value="other", look=asked("model"), seen="other"),
        Case(name="prompt", value=["a", "b"], look=sent_each("prompt"), seen=["a", "b"]),
        passed_on("prompt", [1, 2]),
        passed_on("max_tokens", 9),
        passed_on("temperature", 0.5),
        passed_on("top_p", 0.5),
        passed_on("stop", "x"),
        passed_on("presence_penalty", 1.5),
        passed_on("frequency_penalty", -1.5),
        passed_on("logit_bias", {"7": -100}),
        passed_on("suffix", " end"),
        passed_on("seed", 7),
        Case(name="n", value=3, look=sent_each("seed"), seen=[7, 8, 9], beside={"seed": 7}),
        passed_on("logprobs", 2),
        Case(
            name="logprobs",
            value=1,
            look=answered("choices", 0, "logprobs", deltas=SAID),
            seen=LOGPROBS,
        ),
        Case(
            name="echo",
            value=True,
            look=answered("choices", 0, "text", deltas=SAID),
            seen="Oncea",
        ),
        passed_on("echo", True, prompt=[1, 2]),
        Case(name="stream", value=True, look=wished("is_streamed"), seen=True),
        Case(
            name="stream_options",
            value={"include_usage": True},
            look=told(
                lambda chunks: (chunks[-1].get("usage") or {}).get("total_tokens"), deltas=text("a")
            ),
            seen=32,
            beside={"stream": True},
        ),
        Case(
            name="metadata",
            value={"completion_window": "standard"},
            look=wished("metadata"),
            seen={"completion_window": "standard"},
        ),
        Case(name="service_tier", value="flex", look=wished("service_tier"), seen="flex"),
    ),
)

EMBEDDINGS = Api(
    path="/v1/embeddings",
    parameters=embeddings.PARAMETERS,
    dialect=embeddings.EmbeddingsDialect(),
    body={"model": "m", "input": "Once"},
    cases=(
        Case(name="model", value="other", look=asked("model"), seen="other"),
        Case(name="input", value="Twice", look=sent("input"), seen=["Twice"]),
        passed_on("input", [[1, 2], [3]]),
        passed_on("dimensions", 1),
        Case(
            name="dimensions",
            value=1,
            look=answered("data", 0, "embedding", deltas=VECTOR),
            seen=[1.0],
        ),
        Case(
            name="encoding_format",
            value="base64",
            look=answered("data", 0, "embedding", deltas=VECTOR),
            seen="AAAAPwAAAD8AAAA/AAAAPw==",
        ),
        Case(
            name="metadata",
            value={"completion_window": "standard"},
            look=wished("metadata"),
            seen={"completion_window": "standard"},
        ),
    ),
)
