"""`forebay keys create | list | revoke`: through the running server, or where it keeps the keys."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table

from forebay.cli.options import ADDRESS_FILE, Config, DataDir, load
from forebay.core.errors import ForebayError
from forebay.core.projects import DEFAULT_PROJECT, hash_secret, new_secret
from forebay.dialects.wire import encode
from forebay.settings import Settings
from forebay.store.projects import Projects
from forebay.wiring.data_directory import DataDirectoryUnusable, keep_private
from forebay.wiring.secrets import KEY_FILE, ensure_first_key

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


class _Reason(msgspec.Struct):
    message: str


class _Refused(msgspec.Struct):
    error: _Reason


class ServerRefused(ForebayError):
    """The running server did not do what was asked."""

    code = "server_refused"


class NoSuchKey(ForebayError):
    """There is no live key of that id."""

    code = "no_such_key"


class KeyInUse(ForebayError):
    """The key is the one with which this command line manages the others."""

    code = "key_in_use"

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"the key {key_id} is the one that this command line uses; "
            "start the server with another FOREBAY_API_KEY first"
        )


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "unnamed",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make a key and print it: it is not kept, so this is the only time that it is seen."""
    settings = _settings(config, data_dir)
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
def list_keys(data_dir: DataDir = None, config: Config = None) -> None:
    """List the keys; a key itself is never shown again."""
    settings = _settings(config, data_dir, must_exist=True)
    answer = _call(settings, "GET", KEYS_PATH)
    if answer is None:
        keys = asyncio.run(_alone(settings, lambda projects: projects.keys()))
        rows = [(key.id, key.name, key.hint, key.revoked_at is None) for key in keys]
    else:
        rows = [
            (key.id, key.name, key.redacted_value[-4:], key.revoked_at is None)
            for key in msgspec.json.decode(answer, type=_Listed).data
        ]
    # An id is there to be copied: it is never cut, and never shortened for a longer name.
    id_width = max([len(key_id) for key_id, *_ in rows], default=0)
    table = Table(
        Column("id", overflow="fold", min_width=id_width),
        Column("name", overflow="fold"),
        "ends in",
        "state",
    )
    for key_id, name, hint, is_live in rows:
        table.add_row(key_id, name, hint, "live" if is_live else "revoked")
    Console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="An id from `forebay keys list`.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """End a key for good, at once."""
    settings = _settings(config, data_dir, must_exist=True)
    if _call(settings, "DELETE", f"{KEYS_PATH}/{quote(key_id, safe='')}") is None:

        async def end(projects: Projects) -> None:
            own = _own_hash(settings)
            if any(key.id == key_id and key.hash == own for key in await projects.keys()):
                raise KeyInUse(key_id)
            if not await projects.revoke_key(DEFAULT_PROJECT, key_id):
                raise NoSuchKey(f"there is no live key with the id {key_id}")

        asyncio.run(_alone(settings, end))
    print(f"revoked {key_id}")


def _settings(config: Path | None, data_dir: Path | None, *, must_exist: bool = False) -> Settings:
    settings = load(config=config, data_dir=data_dir)
    if must_exist and settings.database_url is None and not settings.folder.is_dir():
        raise DataDirectoryUnusable(settings.folder, "it is not there")
    keep_private()
    return settings


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
        raise ServerRefused(f"the server at {address} answered {answer.status}: {_reason(content)}")
    return content


def _reason(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Refused).error.message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return content.decode(errors="replace")


def _own_hash(settings: Settings) -> str | None:
    path = settings.folder / KEY_FILE
    return hash_secret(path.read_text().strip()) if path.exists() else None


async def _alone(settings: Settings, work: Callable[[Projects], Awaitable[T]]) -> T:
    """Do the work on the data directory itself while no server holds it, or on its database."""
    # The whole service is behind it: a command that has no need of it starts twice as fast.
    from forebay.wiring.service import opened_store

    async with opened_store(settings) as store:
        # The server that comes later must have a key that this command line knows.
        await ensure_first_key(settings, store.projects)
        return await work(store.projects)
