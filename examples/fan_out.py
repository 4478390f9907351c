"""Send many background requests at once, watch them end, and sum up what came of them.

    pip install openai rich
    export OPENAI_API_KEY=fb-...
    python examples/fan_out.py --count 1000
    python examples/fan_out.py --count 1000 --webhook-port 9000  # be told, instead of asking

The idempotency key of a request is its group's name and its number. So a run that was cut off can
be started again with the same --group: what was made before is found, and not made twice.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from decimal import Decimal

from openai import AsyncOpenAI
from openai.types.responses import Response
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

WAIT_S = 30  # of one call that waits; it is made again as often as is needed
RETRIES = 10  # of one call: the client's growing pauses outlast a restart of the server
AT_ONCE = 64  # calls of a kind that are open at a time


class Tally:
    """What came of the requests so far."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.missed = 0
        self.costs: defaultdict[str, Decimal] = defaultdict(Decimal)

    def add(self, response: Response) -> None:
        """Count a response that has ended."""
        fields = (response.model_extra or {}).get("forebay", {})
        self.statuses[str(response.status)] += 1
        self.missed += bool(fields.get("window_missed"))
        if cost := fields.get("cost"):  # what failed costs nothing
            self.costs[cost["currency"]] += Decimal(cost["amount"])

    def __str__(self) -> str:
        total = self.statuses.total()
        ended = ", ".join(f"{count} {status}" for status, count in self.statuses.most_common())
        costs = " + ".join(f"{amount.normalize():f} {name}" for name, amount in self.costs.items())
        met = f"{total - self.missed} of {total}"
        return f"ended: {ended}\nwindow met: {met}\ncost: {costs or 'nothing'}"


class Mailbox:
    """Takes webhooks, and keeps the responses in them for those who wait for one."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.letters: defaultdict[str, asyncio.Future[Response]] = defaultdict(asyncio.Future)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one webhook: its body is what `GET /v1/responses/{id}` returns."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        is_ours = hmac.compare_digest(headers.get("authorization", ""), f"bearer {self.token}")
        if is_ours:
            response = Response.model_validate_json(body)
            if not self.letters[response.id].done():  # the same webhook may come again
                self.letters[response.id].set_result(response)
        writer.write(b"HTTP/1.1 %b\r\n\r\n" % (b"204 No Content" if is_ours else b"403 Forbidden"))
        writer.close()


async def each(count: int, call: Callable[[int], Awaitable[None]]) -> None:
    """Call with all numbers below `count`, some at a time."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def fan_out(args: argparse.Namespace, client: AsyncOpenAI, progress: Progress) -> Tally:
    """Make the requests, and wait for each of them."""
    created = progress.add_task("created", total=args.count)
    ended = progress.add_task("ended", total=args.count)
    tally = Tally()
    ids = [asyncio.Future[str]() for _ in range(args.count)]
    # The same in every run of the group, because an idempotency key belongs to one body.
    mailbox = Mailbox(hmac.digest(client.api_key.encode(), args.group.encode(), "sha256").hex())
    metadata = {"group": args.group, "completion_window": args.window}
    if args.webhook_port:
        await asyncio.start_server(mailbox.take, "127.0.0.1", args.webhook_port)
        url = f"http://127.0.0.1:{args.webhook_port}/"
        metadata |= {"completion_webhook": url, "webhook_token": mailbox.token}

    async def create(number: int) -> None:
        response = await client.responses.create(
            model=args.model,
            input=f"Write one sentence about the number {number}.",
            max_output_tokens=64,
            background=True,
            metadata=metadata,
            extra_headers={"Idempotency-Key": f"{args.group}-{number}"},
        )
        ids[number].set_result(response.id)
        progress.advance(created)

    async def wait(number: int) -> None:
        response, response_id = None, await ids[number]
        if args.webhook_port:
            done, _ = await asyncio.wait((mailbox.letters[response_id],), timeout=WAIT_S)
            response = done.pop().result() if done else None
        # A webhook may be late or lost; asking is what one can rely on.
        while response is None or response.status in ("queued", "in_progress"):
            response = await client.responses.retrieve(response_id, extra_query={"wait": WAIT_S})
        tally.add(response)
        progress.advance(ended)

    await asyncio.gather(each(args.count, create), each(args.count, wait))
    return tally


async def main() -> None:
    """Read the command line, fan out, and exit with 1 where something failed."""
    parser = argparse.ArgumentParser(description="Fan out background requests.")
    parser.add_argument("--base-url", default="http://127.0.0.1:8088/v1")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--window", default="standard")
    parser.add_argument("--group", default=f"fan-out-{secrets.token_hex(4)}")
    parser.add_argument("--webhook-port", type=int)
    args, console = parser.parse_args(), Console()
    console.print(f"group: {args.group}", highlight=False)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    async with AsyncOpenAI(base_url=args.base_url, max_retries=RETRIES) as client:
        with Progress(*columns, console=console) as progress:
            tally = await fan_out(args, client, progress)
    console.print(str(tally), highlight=False)
    raise SystemExit(0 if set(tally.statuses) <= {"completed", "incomplete"} else 1)


if __name__ == "__main__":
    asyncio.run(main())
