"""Autobatcher's proxy, and OpenAI's own client in front of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from openai import APIConnectionError, OpenAI

from tests.clients.python.stage import JsonObject, model, perform

POLL_S = 0.1


def flex() -> JsonObject:
    """Use it with its default: text in the background, embeddings in batches."""
    return _used("async")


def batched() -> JsonObject:
    """Use it so that all is in batches."""
    return _used("batch")


def _used(mode: str) -> JsonObject:
    with _proxy(mode) as (process, client):
        chat = client.chat.completions.create(model=model(), messages=_hello())
        stream = client.chat.completions.create(model=model(), messages=_hello(), stream=True)
        pieces = [chunk.choices[0].delta.content for chunk in stream]
        response = client.responses.create(model=model(), input="hello")
        embedded = client.embeddings.create(model=model(), input=["ab", "abc"])
        process.terminate()
        printed, _ = process.communicate()
    events = [json.loads(line) for line in printed.splitlines()]
    return {
        "text": chat.choices[0].message.content,
        "streamed": "".join(piece or "" for piece in pieces),
        "response": response.output_text,
        "vectors": [each.embedding for each in embedded.data],
        "batches": Counter(e["endpoint"] for e in events if e["event"] == "batch_completed"),
    }


@contextmanager
def _proxy(mode: str) -> Iterator[tuple[subprocess.Popen[str], OpenAI]]:
    """Run the proxy until the block is left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        *(sys.executable, "-m", "autobatcher", "serve", "--mode", mode, "--port", str(port)),
        *("--batch-window", str(POLL_S), "--poll-interval", str(POLL_S)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    # Twice tried, for it may hang up on a connection that it has just kept open.
    with process, OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none") as client:
        try:
            while process.poll() is None and not _listens(client):
                time.sleep(POLL_S)
            yield process, client
        finally:
            process.kill()


def _listens(client: OpenAI) -> bool:
    try:
        return bool(client.with_options(max_retries=0).get("../health", cast_to=str))
    except APIConnectionError:
        return False


def _hello() -> list[dict[str, str]]:
    return [{"role": "user", "content": "hello"}]


if __name__ == "__main__":
    perform(flex, batched)
