"""The baseline of a batch: a loop from lines to calls of the engine to lines of results.

It takes a line when a call has ended, and writes results as they come: nothing is checked, ordered,
counted or safe from a crash.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import aiohttp
import msgspec
import uvloop

from bench.bare import assembled, client_session


class _Line(msgspec.Struct):
    custom_id: str
    url: str
    body: dict[str, object]


_decode = msgspec.json.Decoder(_Line).decode


async def run(
    *, upstream: str, source: Path, results: Path, concurrency: int
) -> tuple[int, float, float]:
    """Run every line; gives their number, the seconds, and those of the CPU."""
    with source.open("rb") as lines, results.open("wb") as out:
        async with client_session() as session:
            started_at, before_s = time.perf_counter(), time.process_time()
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(_run_one_by_one(session, upstream, lines, out))
                    for _ in range(concurrency)
                ]
    seconds, cpu_s = time.perf_counter() - started_at, time.process_time() - before_s
    return sum(task.result() for task in running), seconds, cpu_s


async def _run_one_by_one(
    session: aiohttp.ClientSession, upstream: str, lines: Iterator[bytes], out: BinaryIO
) -> int:
    number = 0
    for text in lines:
        line = _decode(text)
        answer = await session.post(
            f"{upstream}{line.url}",
            data=msgspec.json.encode({**line.body, "stream": True}),
            headers={"content-type": "application/json"},
        )
        answer.raise_for_status()
        out.write(_result(line.custom_id, await assembled(answer)))
        number += 1
    return number


def _result(custom_id: str, body: bytes) -> bytes:
    response = {"status_code": 200, "request_id": custom_id, "body": msgspec.Raw(body)}
    line = {"id": custom_id, "custom_id": custom_id, "response": response, "error": None}
    return msgspec.json.encode(line) + b"\n"


def main() -> None:
    """Print the number of lines, the seconds that they took, and those of the CPU."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare_batch")
    parser.add_argument("--upstream", required=True, help="URL without /v1")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    arguments = parser.parse_args()
    print(
        *uvloop.run(
            run(
                upstream=arguments.upstream,
                source=arguments.source,
                results=arguments.results,
                concurrency=arguments.concurrency,
            )
        )
    )


if __name__ == "__main__":
    main()
