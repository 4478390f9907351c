"""The baseline of a drain: a loop that makes the same calls of the engine, and keeps nothing."""

import argparse
import asyncio
import time
from collections.abc import Iterator

import aiohttp
import uvloop

from bench.bare import assembled, client_session
from bench.calls import chat


async def run(*, upstream: str, calls: int, concurrency: int) -> tuple[float, float]:
    """Make the calls, each answer read to its end; gives the seconds, and those of the CPU."""
    left = iter(range(calls))
    async with client_session() as session:
        started_at, before_s = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(_call_one_by_one(session, upstream, left))
        return time.perf_counter() - started_at, time.process_time() - before_s


async def _call_one_by_one(
    session: aiohttp.ClientSession, upstream: str, left: Iterator[int]
) -> None:
    call = chat(is_streamed=True)
    for _ in left:
        answer = await session.post(f"{upstream}{call.path}", json=dict(call.body))
        answer.raise_for_status()
        await assembled(answer)


def main() -> None:
    """Print the seconds that it took, and those of the CPU."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare_loop")
    parser.add_argument("--upstream", required=True, help="URL without /v1")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    arguments = parser.parse_args()
    seconds, cpu_s = uvloop.run(
        run(
            upstream=arguments.upstream,
            calls=arguments.calls,
            concurrency=arguments.concurrency,
        )
    )
    print(seconds, cpu_s)


if __name__ == "__main__":
    main()
