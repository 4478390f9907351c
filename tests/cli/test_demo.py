"""`forebay demo` as a person runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.default_model import require_embedding_model
from tests.server_process import FOREBAY, clean_environment, processes_naming

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]


@pytest.fixture(scope="module")
def models_folder() -> Path:
    """The folder with the default models."""
    return require_embedding_model()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo makes its temporary folder, and nobody else does."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def begun(models_folder: Path, temporary: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [FOREBAY, "demo", "--models-dir", str(models_folder)],
        cwd=temporary.parent,
        env=clean_environment({"TMPDIR": str(temporary), "COLUMNS": "100"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(output: IO[str], text: str) -> None:
    """Read lines until one holds `text`."""
    assert any(text in line for line in output), f"the demo never said {text!r}"


def test_the_demo_shows_the_three_modes_and_their_bill_and_leaves_nothing(
    models_folder: Path, temporary: Path
) -> None:
    demo = begun(models_folder, temporary)

    shown, _ = demo.communicate()

    assert demo.returncode == 0, shown
    for mode in ("realtime chat", "realtime response", "realtime message", "background response"):
        assert mode in shown
    assert "24/24" in shown
    assert "webhook arrived" in shown
    near, far, *_ = [line for line in shown.splitlines() if line.startswith("   0.")]
    assert near.endswith("Give them light, and water once a week.")
    assert float(near.split()[0]) > float(far.split()[0]) + 0.2
    (batch,) = [line.split() for line in shown.splitlines() if "batch of 24 chats" in line]
    cost, at_asap = map(float, batch[-2:])
    assert "24h" in batch
    assert 0 < cost < at_asap / 3
    assert processes_naming(str(temporary)) == []
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_nothing(
    models_folder: Path, temporary: Path, ending: signal.Signals
) -> None:
    demo = begun(models_folder, temporary)
    assert demo.stdout is not None
    read_until(demo.stdout, "Realtime")
    assert len(processes_naming(str(temporary))) >= 3  # the demo, its server, and the engine

    demo.send_signal(ending)
    shown, _ = demo.communicate()

    assert demo.returncode != 0
    assert "Traceback" not in shown
    assert processes_naming(str(temporary)) == []
    assert os.listdir(temporary) == []


def test_a_demo_without_the_client_libraries_says_what_to_install() -> None:
    without_openai = (
        "import sys; sys.modules['openai'] = None; "
        "sys.argv = ['forebay', 'demo']; from forebay.cli.main import main; main()"
    )

    demo = subprocess.run(
        [sys.executable, "-c", without_openai],
        env=clean_environment(),
        capture_output=True,
        text=True,
    )

    assert demo.returncode == 1
    assert demo.stderr.count("\n") == 1
    assert "pip install 'forebay[demo]'" in demo.stderr
