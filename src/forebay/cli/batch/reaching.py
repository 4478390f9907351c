"""Which server a command talks to: a named one, or the data directory's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console

from forebay.cli.batch.bodies import OptionMisplaced
from forebay.cli.batch.local_server import local_server
from forebay.cli.batch.server import Server, base_url
from forebay.cli.batch.wishes import ServerWish

OURS = ("FOREBAY_BASE_URL", "FOREBAY_API_KEY")
OPENAI = ("OPENAI_BASE_URL", "OPENAI_API_KEY")


@asynccontextmanager
async def reached(
    wish: ServerWish, console: Console, *, may_start: bool = True
) -> AsyncIterator[Server]:
    """Yield the server that the options mean; with `may_start`, one may run for the block alone.

    Raises `AddressWrong`, `OptionMisplaced`, or as `local_server` does.
    """
    named = named_server(wish)
    if named is not None:
        yield named
        return
    async with local_server(wish, console, may_start=may_start) as server:
        yield server


def named_server(wish: ServerWish) -> Server | None:
    """Return the server that is named by a base URL; None when the data directory's is meant.

    An option wins over the environment, ours there over OpenAI's; a key is taken from beside the
    URL if there is one.
    """
    local = {"--data-dir": wish.data_dir, "--config": wish.config, "--engine": wish.engines}
    given = [option for option, value in local.items() if value]
    if wish.base_url is not None and given:
        raise OptionMisplaced(f"{given[0]} says nothing about a server that --base-url names")
    if wish.base_url is None and given:
        return None
    found = [names for names in (OURS, OPENAI) if wish.environ.get(names[0])]
    text = wish.base_url or (wish.environ[found[0][0]] if found else None)
    if not text:
        return None
    is_openai = wish.base_url is None and found[0] is OPENAI
    keys = [wish.environ.get(key) for _, key in ((OPENAI, OURS) if is_openai else (OURS, OPENAI))]
    url = base_url(text)
    key = wish.api_key or next((key for key in keys if key), None)
    return Server(url=url, key=key, place=str(url))
