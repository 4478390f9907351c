"""What takes webhooks in a test, with all that came with them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARRIVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class Hook:
    """One call that came: its headers by lower-case name, and its body."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where calls go to, and those that came, by path."""

    url: str
    arrived: dict[str, queue.Queue[Hook]] = field(default_factory=dict)

    def next(self, path: str) -> Hook:
        """Wait for the next call on a path of `at` and return it; raises `queue.Empty`."""
        return self.arrived[path].get(timeout=ARRIVAL_S)

    def at(self, path: str) -> str:
        """Return the URL of a path, whose calls are kept from now on."""
        self.arrived[path] = queue.Queue()
        return self.url + path


@contextmanager
def taking_hooks() -> Iterator[Hooks]:
    """Take webhooks on a free port of the loopback until the block is left."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            hooks.arrived[self.path].put(Hook(headers, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        hooks = Hooks(f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield hooks
        finally:
            server.shutdown()
            serving.join()
