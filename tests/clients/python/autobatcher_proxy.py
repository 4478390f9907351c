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
from openai.types.chat import ChatCompletionMessageParam

from tests.clients.python.stage import JsonObject, model, perform

POLL_S = 0.1
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


def flex() -> JsonObject:
    """Use it with its default: text in the background, embeddings in batches."""
    return _used("async")


def batched() -> JsonObject:
    """Use it so that all is in batches."""
    return _used("batch")


def _used(mode: str) -> JsonObject:
    with _proxy(mode) as (process, client):
        chat = client.chat.completions.create(model=model(), messages=HELLO)
        stream = client.chat.completions.create(model=model(), messages=HELLO, stream=True)
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
        response = client.responses.create(model=model(), input="hello")
        # The proxy cannot read the base64 that this client would ask for.
        embedded = client.embeddings.create(
            model=model(), input=["ab", "abc"], encoding_format="float"
        )
        process.terminate()
        printed, _ = process.communicate()
    events = [json.loads(line) for line in printed.splitlines()]
    return {
        "text": chat.choices[0].message.content,
        "streamed": "".join(pieces),
        "response": response.output_text,
        "vectors": [each.embedding for each in embedded.data],
        "batches": Counter(e["endpoint"] for e in events if e["event"] == "batch_submitted"),
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
    address = f"http://127.0.0.1:{port}/v1"
    with process, OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        try:
            while process.poll() is None and not _listens(client):
                time.sleep(POLL_S)
            yield process, client
        finally:
            process.kill()


def _listens(client: OpenAI) -> bool:
    try:
        return client.get("../health", cast_to=str) == "ok"
    except APIConnectionError:
        return False


if __name__ == "__main__":
    perform(flex, batched)
