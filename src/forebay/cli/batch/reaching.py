"""Which server a command talks to: a named one, or the data directory's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from rich.console import Console
from yarl import URL

from forebay.cli.batch.bodies import OptionMisplaced
from forebay.cli.batch.local_server import local_server
from forebay.cli.batch.server import AddressWrong, Server, base_url, key_of
from forebay.cli.batch.wishes import ServerWish

OURS = ("FOREBAY_BASE_URL", "FOREBAY_API_KEY")
OPENAI = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
OPENAIS_OWN = "https://api.openai.com/v1"
"""Where `OPENAI_API_KEY` belongs if no variable says otherwise."""


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

    An option wins over the environment, ours there over OpenAI's. A key of the environment goes to
    the host that is named beside it, and to others only if none of both is.
    """
    local = {"--data-dir": wish.data_dir, "--config": wish.config, "--engine": wish.engines}
    given = [option for option, value in local.items() if value]
    if wish.base_url is not None and given:
        raise OptionMisplaced(f"{given[0]} says nothing about a server that --base-url names")
    if wish.base_url is None and given:
        return None
    named = (wish.base_url, *(wish.environ.get(name) for name, _ in (OURS, OPENAI)))
    text = next((text for text in named if text), None)
    if not text:
        return None
    url = base_url(text)
    if wish.api_key:
        key: str | None = key_of(wish.api_key, source="--api-key")
    else:
        key = _key_of_environment(url, wish.environ)
    return Server(url=url, key=key, place=str(url))


def _key_of_environment(url: URL, environ: Mapping[str, str]) -> str | None:
    """Return the key whose variable stands beside this host's, or any where no variable names it.

    So no key reaches the other service's host because its own variable is not set.
    """
    places = {
        OURS: environ.get(OURS[0]),
        OPENAI: environ.get(OPENAI[0]) or OPENAIS_OWN,
    }
    beside = [names for names, text in places.items() if text and _is_at(url, text)]
    for _, name in beside or places:
        if environ.get(name):
            return key_of(environ[name], source=name)
    return None


def _is_at(url: URL, text: str) -> bool:
    try:
        return url.origin() == base_url(text).origin()
    except AddressWrong:
        return False  # it is not the one that is used
