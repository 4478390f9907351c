"""`forebay serve`: the service on a socket, from start to a clean end."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
import uvloop
from rich.console import Console

from forebay.cli.banner import show_banner
from forebay.cli.logs import log_to_stderr
from forebay.cli.options import ADDRESS_FILE
from forebay.cli.web_sockets import RefusableWebSocket
from forebay.cli.weights import embedded_weights
from forebay.core.errors import ForebayError
from forebay.settings import Settings
from forebay.wiring.data_directory import keep_private, prepare
from forebay.wiring.secrets import write_private
from forebay.wiring.service import Service, running

AFTER_CUT_S = 5.0

BACKLOG = 2048
KEEP_ALIVE_S = 75  # longer than clients keep an idle connection, so that none meets a closing one


class PortInUse(ForebayError):
    """The address cannot be listened on."""

    code = "port_in_use"


class NoReadyFolder(ForebayError):
    """The ready file could not be written."""

    code = "no_ready_folder"


def serve(settings: Settings, *, ready_file: Path | None, console: Console) -> None:
    """Serve until told to stop."""
    log_to_stderr(settings.shown_level)
    keep_private()
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        raise NoReadyFolder(f"there is no folder {ready_file.parent} for the ready file")
    uvloop.run(_serve(settings, ready_file=ready_file, console=console))


async def _serve(settings: Settings, *, ready_file: Path | None, console: Console) -> None:
    listening = _listen(settings.host, settings.port)
    prepare(settings.folder)
    weights = await embedded_weights(settings, console)
    address = _address(listening)
    try:
        async with running(settings, weights=weights) as service:

            def ready() -> None:
                write_private(settings.folder / ADDRESS_FILE, address)
                show_banner(console, service, settings, address=address)
                if ready_file is not None:
                    ready_file.write_text(address + "\n")

            _quiet_collector()
            try:
                await _Server(service, settings, on_ready=ready).serve([listening])
            finally:
                # In here the directory is ours; a server that is refused must not reach this.
                _forget_address(settings.folder / ADDRESS_FILE, address)
    finally:
        listening.close()


def _forget_address(path: Path, address: str) -> None:
    """Delete the file, unless another server that shares the directory has written its own."""
    with suppress(FileNotFoundError):
        if path.read_text().strip() == address:
            path.unlink()


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts: a taken port is the commonest mistake."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # Two that start together both may bind; only one of them can listen.
        listening.listen(BACKLOG)
    except OSError as error:
        raise PortInUse(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); "
            "choose another with --port, or any free one with --port 0"
        ) from None
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _config(service: Service, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        service.app,
        http="httptools",
        ws=RefusableWebSocket,
        ws_max_size=settings.max_body_bytes,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(settings.shutdown_grace_s),
    )


def _quiet_collector() -> None:
    """Leave what start-up made out of every later collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _Server(uvicorn.Server):
    """Tells when it takes requests, and lets its owner go on after a signal."""

    def __init__(
        self, service: Service, settings: Settings, *, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(_config(service, settings))
        self._service = service
        self._grace_s = settings.shutdown_grace_s
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what runs come to its end, as far as the grace goes, and begin nothing more."""
        self._service.stop_claiming()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._idle())
            await super().shutdown(sockets)
        # Turns that were cut short charge what was delivered: the store must still be open.
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=AFTER_CUT_S)

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(self._grace_s):
                await self._service.idle()
        except TimeoutError:
            pass  # what still runs is given back when the service is left

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as the wish to stop, and only that.

        Uvicorn would raise them again, which ends the process before its work is given back.
        """
        with super().capture_signals():
            yield
            self._captured_signals.clear()
