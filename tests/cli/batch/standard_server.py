"""A server with OpenAI's Files and Batches and nothing more, on the loopback, in threads.

It knows no idempotency keys, no partial results, no costs and no reports. A test may let it hold
the answer to a call, whose effect is there: so a caller can be killed at that point.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

REACHED_S = 30.0
TOO_MANY = ((429, {"Retry-After": "0"}), (503, {"Retry-After": "0"}))


class StandardServer:
    """What a test sees and says of the server.

    A line whose prompt is "fail" fails; one whose model is "absent" fails validation of all.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.keys: list[str] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.takes_ranges = True
        self.max_form_bytes = 10_000_000
        self.passing: list[tuple[int, dict[str, str]]] = []
        self.refusing: dict[str, int] = {}
        self.cut_at: int | None = None
        self.announced_too_much = 0
        self.held: str | None = None
        self.held_number = 1
        self.is_reached = threading.Event()
        self.is_let_go = threading.Event()
        self.numbers = count(1)

    def hold(self, call: str, *, number: int = 1) -> None:
        """Hold the answer to a call, such as the first `POST /v1/batches`."""
        self.held = call
        self.held_number = number

    def reached(self) -> None:
        """Return when the call that is to be held has come."""
        assert self.is_reached.wait(REACHED_S)

    def let_go(self) -> None:
        """Hold nothing more."""
        self.held = None
        self.is_let_go.set()


@contextmanager
def standard_server() -> Iterator[StandardServer]:
    """Run a server on a free port."""
    with _Server(("127.0.0.1", 0), _Exchange) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield server.seen
        finally:
            server.seen.let_go()
            server.shutdown()
            serving.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        super().server_bind()
        self.seen = StandardServer(f"http://127.0.0.1:{self.server_port}/v1")

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over callers that are killed."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._exchange(b"")

    def do_POST(self) -> None:
        self._exchange(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _exchange(self, body: bytes) -> None:
        seen = self.server.seen
        path = self.path.partition("?")[0]
        call = f"{self.command} {re.sub(r'_[0-9]+', '_N', path)}"
        seen.calls[call] += 1
        seen.keys.append(self.headers.get("Authorization", ""))
        if seen.passing:
            status, headers = seen.passing.pop(0)
            self._send(b"{}", status=status, headers=headers)
            return
        if call in seen.refusing:
            self._send(b'{"error": {"message": "Not so."}}', status=seen.refusing[call])
            return
        answer = None if path.endswith("/content") else self._answer(path, body)
        if seen.held == call and seen.calls[call] == seen.held_number:
            seen.is_reached.set()
            seen.is_let_go.wait()
        if answer is None:
            self._content(path.split("/")[3])
        else:
            status, found = answer
            self._send(json.dumps(found).encode(), status=status)

    def _answer(self, path: str, body: bytes) -> tuple[int, object]:
        seen = self.server.seen
        match (self.command, path.split("/")[2:]):
            case "GET", ["models"]:
                return 200, {"object": "list", "data": [{"id": "standard"}]}
            case "POST", ["files"]:
                if len(body) > seen.max_form_bytes:
                    return 413, {"error": {"message": "too large"}}
                return 200, self._file(_form_file(body))
            case "POST", ["uploads"]:
                seen.files["upload"] = b""
                return 200, {"id": "upload_1", "status": "pending"}
            case "POST", ["uploads", _, "parts"]:
                seen.files["upload"] += _form_file(body)
                return 200, {"id": f"part_{next(seen.numbers)}"}
            case "POST", ["uploads", _, "complete"]:
                return 200, {"id": "upload_1", "file": self._file(seen.files.pop("upload"))}
            case "POST", ["batches"]:
                return 200, self._batch(json.loads(body))
            case "GET", ["batches"]:
                newest = list(reversed(seen.batches.values()))
                return 200, {"object": "list", "data": newest, "has_more": False}
            case "POST", ["batches", batch_id, "cancel"]:
                seen.batches[batch_id]["status"] = "cancelling"
                return 200, seen.batches[batch_id]
            case "GET", ["batches", batch_id] if batch_id in seen.batches:
                return 200, self._moved(seen.batches[batch_id])
            case _:
                return 404, {"error": {"message": f"nothing at {path}", "code": None}}

    def _file(self, content: bytes) -> dict[str, object]:
        file_id = f"file_{next(self.server.seen.numbers)}"
        self.server.seen.files[file_id] = content
        return {"id": file_id, "object": "file", "bytes": len(content)}

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        batch_id = f"batch_{next(self.server.seen.numbers)}"
        total = len(self.server.seen.files[asked["input_file_id"]].splitlines())
        batch = {
            **asked,
            "id": batch_id,
            "object": "batch",
            "status": "validating",
            "created_at": 1_760_000_000,
            "request_counts": {"total": total, "completed": 0, "failed": 0},
        }
        self.server.seen.batches[batch_id] = batch
        return batch

    def _moved(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Go on by one status with every look."""
        match batch["status"]:
            case "validating":
                batch["status"] = "in_progress"
            case "in_progress":
                self._end(batch)
            case "cancelling":
                batch["status"] = "cancelled"
        return batch

    def _end(self, batch: dict[str, Any]) -> None:
        lines = self.server.seen.files[batch["input_file_id"]].splitlines()
        good: list[bytes] = []
        bad: list[bytes] = []
        for number, line in enumerate(map(json.loads, lines), start=1):
            if line["body"].get("model") == "absent":
                error = {"code": "model_not_found", "message": "No such model.", "line": number}
                batch |= {"status": "failed", "errors": {"object": "list", "data": [error]}}
                return
            is_bad = _prompt(line["body"]) == "fail"
            (bad if is_bad else good).append(_result(line, is_bad=is_bad))
        good.reverse()
        for name, found in (("output_file_id", good), ("error_file_id", bad)):
            if found:
                batch[name] = self._file(b"".join(found))["id"]
        counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        usage = {"input_tokens": 3 * len(good), "output_tokens": 2 * len(good)}
        batch |= {"status": "completed", "request_counts": counts, "usage": usage}
        batch["completed_at"] = batch["created_at"] + 60

    def _content(self, file_id: str) -> None:
        seen = self.server.seen
        content = seen.files[file_id]
        asked = self.headers.get("Range", "")
        seen.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0) if seen.takes_ranges else 0
        headers = {}
        if asked and seen.takes_ranges:
            if start >= len(content):
                self._send(b"", status=416, headers={"Content-Range": f"bytes */{len(content)}"})
                return
            size = len(content) + seen.announced_too_much
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        cut, seen.cut_at = seen.cut_at, None
        self._send(content[start:], status=206 if headers else 200, headers=headers, cut_at=cut)

    def _send(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] = {},
        cut_at: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut_at])
        if cut_at is not None:
            self.close_connection = True


def _form_file(body: bytes) -> bytes:
    """Return the content of a form's file, which comes last in it."""
    boundary = body.partition(b"\r\n")[0]
    part = [part for part in body.split(boundary) if b"filename=" in part][-1]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def _prompt(body: dict[str, Any]) -> object:
    return body["messages"][-1]["content"] if "messages" in body else body.get("input")


def _result(line: dict[str, Any], *, is_bad: bool) -> bytes:
    body: dict[str, object] = {
        "choices": [{"message": {"role": "assistant", "content": f"to {_prompt(line['body'])}"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    if is_bad:
        body = {"error": {"message": "It failed.", "code": "bad"}}
    response = {"status_code": 400 if is_bad else 200, "request_id": "req", "body": body}
    result = {"id": "r", "custom_id": line["custom_id"], "response": response, "error": None}
    return json.dumps(result).encode() + b"\n"
