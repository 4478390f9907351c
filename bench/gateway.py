"""The Forebay under test: the installed command, with an engine and a key and else all defaults.

Only for more streams than the engine is given by default are its slots set, too; prices and another
database are set for those who measure with them.
"""

import asyncio
import os
import secrets
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from bench.process import CommandFailed, start_process
from bench.upstream import MODEL

KEYS = 10

_START_S = 30.0
_COMMAND_S = 30.0
_REST_S = 1.0
_STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A started Forebay: where it is, and what its start took."""

    url: str
    pid: int
    first_key: str
    folder: Path
    ready_s: float
    resting_bytes: int

    async def create_keys(self) -> list[str]:
        """Add keys to the first one until there are `KEYS`, and give them all."""
        added = [await self._create_key(f"bench-{number}") for number in range(2, KEYS + 1)]
        return [self.first_key, *added]

    async def _create_key(self, name: str) -> str:
        store = str(self.folder / _STORE)
        command = [_executable(), "keys", "create", "--data-dir", store, "--name", name]
        environment = _environment(self.first_key)
        async with start_process(command, environment=environment, logs=self.folder) as process:
            words = (await process.wait_for_success(seconds=_COMMAND_S)).split()
            if not words:
                raise process.failure("printed no key")
            return words[-1]


@asynccontextmanager
async def serve_forebay(
    *,
    upstream: str,
    folder: Path,
    slots: int | None = None,
    is_priced: bool = False,
    more_models: Mapping[str, str] = {},
    more_environment: Mapping[str, str] = {},
) -> AsyncIterator[Gateway]:
    """Serve from an empty folder while the block runs; the store stays in the folder.

    A priced one may serve `more_models`, each with the URL of its engine, without `/v1`.

    Raises `CommandFailed` with the server's own words if it does not start.
    """
    first_key = f"fb-{secrets.token_hex(24)}"
    ready_file = folder / "ready"
    store = folder / _STORE
    store.mkdir(parents=True)
    command = [
        *(_executable(), "serve", "--port", "0"),
        *("--data-dir", str(store), "--ready-file", str(ready_file)),
        *(
            _priced({MODEL: upstream, **more_models}, folder)
            if is_priced
            else ["--engine", f"{upstream}/v1"]
        ),
    ]
    environment = {**_environment(first_key), **more_environment}
    if slots is not None:
        environment["FOREBAY_ENGINE_SLOTS"] = str(slots)
    async with start_process(command, environment=environment, logs=folder) as process:
        ready_s = await process.wait_until_written(ready_file, seconds=_START_S)
        await asyncio.sleep(_REST_S)
        yield Gateway(
            url=_first_line(ready_file).rstrip("/"),
            pid=process.pid,
            first_key=first_key,
            folder=folder,
            ready_s=ready_s,
            resting_bytes=_resident_bytes(process.pid),
        )


def count_charges(folder: Path) -> int:
    """Count the charges in the ledger of a stopped server."""
    file = folder / _STORE / "forebay.sqlite"
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT count(*) FROM ledger_entry WHERE kind = 'charge'").fetchone()
    except sqlite3.Error as error:
        raise CommandFailed(f"cannot read the ledger in {file}: {error}") from error
    return int(row[0])


def _priced(engines: Mapping[str, str], folder: Path) -> list[str]:
    """Write a file that names the engines' models with their prices; gives the flags for it."""
    file = folder / "forebay.toml"
    file.write_text(
        "".join(
            f"[models.{model}]\n"
            f'engines = ["{url}/v1"]\n'
            "price = { input = 0.15, cached = 0.075, output = 0.6 }\n"
            for model, url in engines.items()
        )
    )
    return ["--config", str(file)]


def _executable() -> str:
    command = Path(sys.executable).parent / "forebay"
    if not command.exists():
        raise CommandFailed(f"no {command}: install the project into this Python first")
    return str(command)


def _environment(first_key: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOREBAY_")}
    return {**kept, "FOREBAY_API_KEY": first_key}


def _first_line(file: Path) -> str:
    return file.read_text().splitlines()[0].strip()


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise CommandFailed(f"process {pid} has no memory figure: it has ended")
