"""`forebay keys create | list | revoke`: through the running server, or on the directory itself."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from forebay.cli.options import ADDRESS_FILE, DataDir, load
from forebay.core.errors import ForebayError
from forebay.core.projects import DEFAULT_PROJECT, new_secret
from forebay.dialects.wire import encode
from forebay.settings import Settings
from forebay.store.projects import Projects
from forebay.wiring.secrets import KEY_FILE, ensure_first_key
from forebay.wiring.service import opened_store

app = typer.Typer(help="API keys.", no_args_is_help=True)

CALL_S = 10.0
KEYS_PATH = f"/v1/organization/projects/{DEFAULT_PROJECT}/api_keys"


T = TypeVar("T")


class _Made(msgspec.Struct):
    value: str


class _Key(msgspec.Struct):
    id: str
    name: str
    redacted_value: str
    revoked_at: int | None


class _Listed(msgspec.Struct):
    data: list[_Key]


class ServerRefused(ForebayError):
    """The running server did not do what was asked."""

    code = "server_refused"


class NoSuchKey(ForebayError):
    """There is no live key of that id."""

    code = "no_such_key"


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "unnamed",
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it: it is not kept, so this is the only time that it is seen."""
    settings = load(data_dir=data_dir)
    answer = _call(settings, "POST", KEYS_PATH, encode({"name": name}))
    if answer is None:
        secret = new_secret()

        async def add(projects: Projects) -> None:
            await projects.add_key(DEFAULT_PROJECT, secret=secret, name=name)

        asyncio.run(_alone(settings, add))
    else:
        secret = msgspec.json.decode(answer, type=_Made).value
    print(secret)


@app.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """List the keys; a key itself is never shown again."""
    settings = load(data_dir=data_dir)
    answer = _call(settings, "GET", KEYS_PATH)
    if answer is None:
        keys = asyncio.run(_alone(settings, lambda projects: projects.keys()))
        rows = [(key.id, key.name, key.hint, key.revoked_at is None) for key in keys]
    else:
        rows = [
            (key.id, key.name, key.redacted_value[-4:], key.revoked_at is None)
            for key in msgspec.json.decode(answer, type=_Listed).data
        ]
    table = Table("id", "name", "ends in", "state")
    for key_id, name, hint, is_live in rows:
        table.add_row(key_id, name, hint, "live" if is_live else "revoked")
    Console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="An id from `forebay keys list`.")],
    data_dir: DataDir = None,
) -> None:
    """End a key for good, at once."""
    settings = load(data_dir=data_dir)
    if _call(settings, "DELETE", f"{KEYS_PATH}/{key_id}") is None:

        async def end(projects: Projects) -> None:
            if not await projects.revoke_key(DEFAULT_PROJECT, key_id):
                raise NoSuchKey(f"there is no live key with the id {key_id}")

        asyncio.run(_alone(settings, end))
    print(f"revoked {key_id}")


def _call(settings: Settings, method: str, path: str, body: bytes = b"") -> bytes | None:
    """Ask the server that holds the data directory; None when none runs there."""
    try:
        address = (settings.folder / ADDRESS_FILE).read_text().strip()
        key = (settings.folder / KEY_FILE).read_text().strip()
    except FileNotFoundError:
        return None
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=CALL_S)
    try:
        connection.request(method, path, body or None, {"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        content = answer.read()
    except ConnectionRefusedError:
        return None  # the file is a dead server's
    except OSError as error:
        raise ServerRefused(f"the server at {address} does not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise ServerRefused(f"the server at {address} answered {answer.status}: {content.decode()}")
    return content


async def _alone(settings: Settings, work: Callable[[Projects], Awaitable[T]]) -> T:
    """Do the work on the data directory itself, while no server holds it."""
    async with opened_store(settings) as store:
        # The server that comes later must have a key that this command line knows.
        await ensure_first_key(settings, store.projects)
        return await work(store.projects)
