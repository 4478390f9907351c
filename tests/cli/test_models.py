"""`forebay models`: what can be fetched, and what is here."""

from __future__ import annotations

import subprocess
from pathlib import Path

from forebay.engines.known_models import MINILM
from tests.server_process import FOREBAY, clean_environment


def listed(folder: Path) -> dict[str, list[str]]:
    """Return the rows of the list by the names of their models."""
    shown = subprocess.run(
        [FOREBAY, "models", "list"],
        env=clean_environment({"FOREBAY_MODELS_DIR": str(folder), "COLUMNS": "120"}),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split("│")[1:-1] for line in shown.splitlines() if line.startswith("│")]
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}


def test_the_list_says_what_each_model_is_for(tmp_path: Path) -> None:
    rows = listed(tmp_path)

    assert rows["smollm2-135m-instruct (default)"][:2] == ["chat", "98 MB"]
    assert rows["all-minilm-l6-v2 (default)"][:2] == ["embeddings", "46 MB"]


def test_the_list_says_which_weights_are_here(tmp_path: Path) -> None:
    with (tmp_path / MINILM.file_name).open("wb") as file:
        file.truncate(MINILM.size_bytes)

    rows = listed(tmp_path)

    assert rows["all-minilm-l6-v2 (default)"][-1] == "yes"
    assert rows["smollm2-135m-instruct (default)"][-1] == "no"
