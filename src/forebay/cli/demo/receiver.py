"""A tiny HTTP server that receives webhooks, as a caller of the service would run one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Webhook:
    """One call that arrived."""

    authorization: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where webhooks go to, and those that came."""

    url: str
    arrived: queue.Queue[Webhook]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive webhooks on a free loopback port until the block is left."""
    arrived: queue.Queue[Webhook] = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            arrived.put(Webhook(self.headers.get("Authorization", ""), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, name="webhook-receiver", daemon=True)
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", arrived)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
