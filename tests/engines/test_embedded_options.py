from __future__ import annotations

import json
from pathlib import Path

import pytest

from forebay.engines.embedded_options import EmbeddedOptions, limited_cores, usable_cores


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [("max 100000\n", None), ("250000 100000\n", 2), ("50000 100000\n", 1)],
)
def test_a_container_limit_counts_in_whole_cores(cpu_max: str, cores: int | None) -> None:
    assert limited_cores(cpu_max) == cores


def test_a_limit_below_the_machine_wins(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")

    assert usable_cores(tmp_path / "cpu.max") == 1


def test_without_a_limit_the_machine_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "not there") >= 1


def test_one_core_is_left_to_the_gateway_when_decoding() -> None:
    options = EmbeddedOptions(model_path=Path("m.gguf"), alias="m")
    told = json.loads(options.line(8))

    assert (told["threads"], told["batch_threads"]) == (7, 8)
    assert json.loads(options.line(1))["threads"] == 1
