"""The README's code runs as it stands, but for the address, the key, and its patience."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.default_model import require_default_model
from tests.server_process import KEY, ServerProcess

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

README = Path(__file__).parents[2] / "README.md"


def test_the_readmes_python_runs_from_top_to_bottom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        "FOREBAY_API_KEY": KEY,
        "FOREBAY_MODELS_DIR": str(require_default_model()),
    }
    server = ServerProcess(tmp_path, environ=environ)
    server.start()
    try:
        exec(compile(_code(server.address), "README.md", "exec"), {})
    finally:
        server.end()
    printed = capsys.readouterr().out
    assert "completed" in printed
    assert {"row-0", "row-1", "row-2"} <= set(printed.split())


def _code(address: str) -> str:
    code = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL))
    # Nobody listens at the example's webhook.
    code = re.sub(r"^.*completion_webhook.*\n", "", code, flags=re.MULTILINE)
    for shown, here in (
        ("http://127.0.0.1:8088", address),
        ("fb-...", KEY),
        ("range(1000)", "range(3)"),
        ("time.sleep(5)", "time.sleep(0.1)"),
        ("time.sleep(1)", "time.sleep(0.1)"),
    ):
        assert shown in code
        code = code.replace(shown, here)
    return code
