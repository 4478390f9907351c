"""The server of the data directory: the one that runs there, or one for this command alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from rich.console import Console
from yarl import URL

from forebay.cli.batch.endings import CommandRefused
from forebay.cli.batch.own_server import own_server
from forebay.cli.batch.server import Server, key_of
from forebay.cli.batch.wishes import ServerWish
from forebay.cli.options import ADDRESS_FILE, load
from forebay.cli.weights import embedded_weights
from forebay.settings import Settings
from forebay.store.directory_lock import DataDirectoryInUse, DirectoryLock
from forebay.wiring.data_directory import prepare
from forebay.wiring.secrets import KEY_FILE

ANSWER_S = 5.0
HELD_S = 30.0
POLL_S = 0.1


class NoServer(CommandRefused):
    """No server runs where one must, or it cannot be used."""

    code = "no_server"


@asynccontextmanager
async def local_server(
    wish: ServerWish, console: Console, *, may_start: bool
) -> AsyncIterator[Server]:
    """Yield the data directory's server; one that was started for this is gone behind the block.

    Raises `NoServer`, or what makes a server of its own impossible.
    """
    settings = load(config=wish.config, data_dir=wish.data_dir, engines=wish.engines)
    address = await _running(settings, console)
    if address is not None:
        if wish.engines:
            raise NoServer(
                f"a server runs for {settings.folder} already, with engines of its own; "
                "leave out --engine, or end it first"
            )
        yield _server(settings, wish, address, goes_on=True)
        return
    if not may_start:
        raise NoServer(
            f"no server runs for {settings.folder}; start one with `forebay serve`, "
            "or name one with --base-url"
        )
    await embedded_weights(settings, console)
    with console.status("starting a server for this command"):
        starting = own_server(_flags(settings, wish), grace_s=settings.shutdown_grace_s)
        address = await starting.__aenter__()
    try:
        yield _server(settings, wish, address, goes_on=False)
    finally:
        with console.status("ending the server of this command"):
            await starting.__aexit__(None, None, None)


def _flags(settings: Settings, wish: ServerWish) -> list[str]:
    config = [] if wish.config is None else ["--config", str(wish.config)]
    engines = [word for engine in wish.engines or [] for word in ("--engine", engine)]
    return ["--data-dir", str(settings.folder), *config, *engines]


def _server(settings: Settings, wish: ServerWish, address: str, *, goes_on: bool) -> Server:
    places = {
        "--api-key": wish.api_key,
        str(settings.folder / KEY_FILE): _text(settings.folder / KEY_FILE),
        "the settings": settings.api_key,
    }
    found = next(((source, key) for source, key in places.items() if key), None)
    if found is None:
        raise NoServer(
            f"{settings.folder} holds no key for its server; give one by --api-key, "
            "or make one with `forebay keys create`"
        )
    return Server(
        url=URL(address) / "v1",
        key=key_of(found[1], source=found[0]),
        place=str(settings.folder.absolute()),
        goes_on=goes_on,
        is_local=True,
    )


async def _running(settings: Settings, console: Console) -> str | None:
    """Return the address of the server that holds the data directory; None when none does.

    Waits a moment for one that is starting or ending; raises `NoServer` when it does neither.
    """
    try:
        async with asyncio.timeout(HELD_S):
            with console.status("looking for a server"):
                while True:
                    address = await _answering(settings.folder / ADDRESS_FILE)
                    if address is not None or not _is_held(settings):
                        return address
                    await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise NoServer(
            f"another server holds {settings.folder}, and does not answer; wait until it has "
            "started or ended, or name another directory with --data-dir"
        ) from None


async def _answering(address_file: Path) -> str | None:
    address = _text(address_file)
    if address is None:
        return None
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{address}/health") as response,
        ):
            return address if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None  # the file is a dead server's


def _is_held(settings: Settings) -> bool:
    if settings.database_url is not None:
        return False  # servers that share a database share the directory, too
    prepare(settings.folder)
    # What it makes there is its owner's alone; what a command writes elsewhere need not be.
    before = os.umask(0o077)
    try:
        DirectoryLock(settings.folder).release()
    except DataDirectoryInUse:
        return True
    finally:
        os.umask(before)
    return False


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
