"""An OpenAI-compatible engine on the loopback, in a thread, that answers by its prompts' script.

It speaks as vLLM does: streamed chat and text completions, embeddings, token counts, models. It
keeps the bodies that it got, so that a test can see what reached an engine.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import cast

from tests.clients.answers import Answer, JsonObject, answer_to, is_held, lets_go

MODEL = "scripted"
PIECE = 7
"""Characters in a piece of a stream: tool arguments come in several, and words are cut."""


class ScriptedEngine:
    """What a test sees of the engine: where it is, and what it was asked since `forget`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.gate = threading.Event()
        """What answers wait for that are held."""
        self._bodies: list[tuple[str, JsonObject]] = []

    def heard(self, path: str = "/v1/chat/completions") -> list[JsonObject]:
        """Return the bodies that came to a path, oldest first."""
        return [body for at, body in self._bodies if at == path]

    def hear(self, path: str, body: JsonObject) -> None:
        """Keep a body."""
        self._bodies.append((path, body))

    def forget(self) -> None:
        """Forget all bodies."""
        self._bodies.clear()

    def let_go(self) -> None:
        """Go on with all answers that are held now; those to come are held again."""
        gate, self.gate = self.gate, threading.Event()
        gate.set()


@contextmanager
def scripted_engine() -> Iterator[ScriptedEngine]:
    """Run an engine on a free port."""
    with _Server(("127.0.0.1", 0), _Exchange) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield server.engine
        finally:
            server.engine.let_go()
            server.shutdown()
            serving.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        super().server_bind()
        self.engine = ScriptedEngine(f"http://127.0.0.1:{self.server_port}/v1")
        self.numbers = count(1)

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over callers that hang up: the service cancels a turn by closing."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "vllm"}
            self._answer({"object": "list", "data": [model | {"max_model_len": 32_768}]})
        elif self.path in ("/health", "/version"):
            self._answer({"version": "scripted"})
        else:
            self._answer({"detail": "Not Found"}, status=HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = cast(JsonObject, json.loads(self.rfile.read(size)))
        self.server.engine.hear(self.path, body)
        match self.path:
            case "/v1/chat/completions":
                self._stream(self._held(_chat(body, next(self.server.numbers)), body))
            case "/v1/completions":
                self._stream(_text(body, next(self.server.numbers)))
            case "/v1/embeddings":
                self._answer(_embeddings(body))
            case "/tokenize":
                tokens = list(range(_words(body.get("messages") or body.get("prompt"))))
                self._answer({"count": len(tokens), "max_model_len": 32_768, "tokens": tokens})
            case _:
                self._answer({"detail": "Not Found"}, status=HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, body: JsonObject, *, status: HTTPStatus = HTTPStatus.OK) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _held(self, events: Iterator[JsonObject], body: JsonObject) -> Iterator[JsonObject]:
        """Stop after the first event of an answer that is to be held, until all are let go."""
        engine = self.server.engine
        yield next(events)
        if is_held(body):
            engine.gate.wait()
        if lets_go(body):
            engine.let_go()
        yield from events

    def _stream(self, events: Iterable[JsonObject]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            self._write_event(json.dumps(event))
        self._write_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _write_event(self, text: str) -> None:
        line = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))


def _chat(body: JsonObject, number: int) -> Iterator[JsonObject]:
    answer = answer_to(body)
    deltas = [{"role": "assistant", "content": ""}, *_deltas(answer, number)]
    kind = "chat.completion.chunk"
    envelope = {"id": f"chatcmpl-{number}", "object": kind, "created": 0, "model": MODEL}
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        yield envelope | {"choices": [choice]}
    reason = "stop" if answer.call is None else "tool_calls"
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
    yield envelope | {"choices": [last]}
    usage = _usage(_words(body["messages"]), len(deltas) - 1)
    yield envelope | {"choices": [], "usage": usage}


def _deltas(answer: Answer, number: int) -> Iterator[JsonObject]:
    for piece in _pieces(answer.reasoning):
        yield {"reasoning_content": piece}
    for piece in _pieces(answer.text):
        yield {"content": piece}
    if answer.call is not None:
        begun = {"index": 0, "id": f"call_{number:012x}", "type": "function"}
        function = {"name": answer.call.name, "arguments": ""}
        yield {"tool_calls": [begun | {"function": function}]}
        for piece in _pieces(answer.call.arguments):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _text(body: JsonObject, number: int) -> Iterator[JsonObject]:
    prompt = body["prompt"]
    said = " ".join(map(str, prompt)) if isinstance(prompt, list) else str(prompt)
    pieces = _pieces(f" (continued) {said}")
    envelope = {"id": f"cmpl-{number}", "object": "text_completion", "created": 0, "model": MODEL}
    for position, piece in enumerate(pieces, start=1):
        reason = "stop" if position == len(pieces) else None
        choice = {"index": 0, "text": piece, "logprobs": None, "finish_reason": reason}
        yield envelope | {"choices": [choice]}
    yield envelope | {"choices": [], "usage": _usage(_words(prompt), len(pieces))}


def _embeddings(body: JsonObject) -> JsonObject:
    given = body["input"]
    is_one = isinstance(given, str) or (isinstance(given, list) and isinstance(given[0], int))
    inputs = [given] if is_one else cast(list[object], given)
    size = cast(int, body.get("dimensions") or 4)
    vectors = [[float(len(str(text))), *([0.5] * (size - 1))] for text in inputs]
    as_base64 = body.get("encoding_format") == "base64"
    shown = [base64.b64encode(struct.pack(f"<{size}f", *v)).decode() for v in vectors]
    data: list[JsonObject] = [
        {"object": "embedding", "index": index, "embedding": shown[index] if as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = _words(inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": MODEL, "usage": usage}


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def _usage(prompt_tokens: int, completion_tokens: int) -> JsonObject:
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return {**counts, "total_tokens": prompt_tokens + completion_tokens}


def _words(value: object) -> int:
    return len(json.dumps(value).split())
