"""Wheels as boxes of bytes: fetched by pip, checked, and emptied without being installed.

pip does the fetching because the user has configured it: its index, proxy and certificates are
the right ones, and this code names no host.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

from forebay.core.errors import ForebayError
from forebay.engines.known_models import WheelFile

PIP = (sys.executable, "-m", "pip")
_PIECE_BYTES = 1 << 20
_LOOK_EVERY_S = 0.25
_STALL_S = 600.0


class WrongHash(ForebayError):
    """The bytes are not the ones that were pinned; they are not used."""

    code = "wrong_hash"

    def __init__(self, what: str, *, expected: str, actual: str) -> None:
        super().__init__(f"{what} has sha256 {actual}, expected {expected}; it is not used")
        self.expected = expected
        self.actual = actual


class WheelNotFetched(ForebayError):
    """pip could not fetch a wheel, or there is no pip."""

    code = "wheel_not_fetched"

    def __init__(self, requirement: str, reason: str) -> None:
        super().__init__(f"{requirement} could not be fetched: {reason}")
        self.requirement = requirement


def installed_file(file: WheelFile) -> Path | None:
    """Return where an installed package keeps `file`, found without importing the package."""
    package, *inner = file.path.split("/")
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    paths = (Path(folder, *inner) for folder in folders)
    return next((path for path in paths if path.is_file()), None)


async def fetch_wheel(
    file: WheelFile, folder: Path, *, pip: Sequence[str], on_bytes: Callable[[int], None]
) -> Path:
    """Download the wheel of `file` into the empty `folder` and return its checked path.

    Reports the bytes seen so far, as they grow. Raises `WheelNotFetched` and `WrongHash`.
    """
    command = [*pip, "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(folder), file.requirement]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # pip downloads into its temporary folder first: there its progress can be seen.
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,
        )
    except OSError as error:
        raise WheelNotFetched(file.requirement, str(error)) from error
    try:
        async with asyncio.timeout(_STALL_S) as patience, asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(_watch(folder, patience, on_bytes))
            _, complaint = await process.communicate()
            watch.cancel()
    except TimeoutError:
        reason = f"nothing arrived for {_STALL_S:.0f} seconds"
        raise WheelNotFetched(file.requirement, reason) from None
    finally:
        if process.returncode is None:
            # The whole group: wait() would wait for pip's own children too.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        raise WheelNotFetched(file.requirement, _reason(complaint.decode(errors="replace")))
    return await asyncio.to_thread(_checked_wheel, file, folder)


def unpacked(wheel: Path, path: str) -> Iterator[bytes]:
    """Yield the bytes of the file `path` inside `wheel`, in pieces."""
    with zipfile.ZipFile(wheel) as archive, archive.open(path) as member:
        yield from _pieces(member)


def pieces_of(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file on disk, in pieces."""
    with path.open("rb") as stream:
        yield from _pieces(stream)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; reads all of it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece


async def _watch(
    folder: Path, patience: asyncio.Timeout, on_bytes: Callable[[int], None]
) -> NoReturn:
    """Report growth, and put off the time-out by it."""
    seen = 0
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        size = await asyncio.to_thread(_largest_file_bytes, folder)
        if size > seen:
            seen = size
            patience.reschedule(asyncio.get_running_loop().time() + _STALL_S)
            on_bytes(size)


def _largest_file_bytes(folder: Path) -> int:
    """The largest, not the sum: for a moment pip holds the wheel twice."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, Path(parent, name).stat().st_size)
            except FileNotFoundError:
                continue
    return largest


def _checked_wheel(file: WheelFile, folder: Path) -> Path:
    wheel = next(folder.glob("*.whl"), None)
    if wheel is None:
        raise WheelNotFetched(file.requirement, "pip reported success but left no wheel")
    actual = sha256_of(wheel)
    if actual != file.sha256:
        raise WrongHash(wheel.name, expected=file.sha256, actual=actual)
    return wheel


def _reason(complaint: str) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        return "this Python has no pip"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip failed without a word"])[-1]
