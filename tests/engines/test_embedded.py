"""How the embedded engine treats a child that fails; no model is needed for that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from forebay.engines.embedded import (
    EmbeddedEngine,
    EmbeddedEngineFailed,
    EmbeddedState,
    RestartRule,
)
from forebay.engines.embedded_options import EmbeddedOptions

IMPATIENT = RestartRule(first_pause_s=0.01, max_pause_s=0.01)
NOWHERE = EmbeddedOptions(model_path=Path("/no/such/model.gguf"), alias="nothing")


async def test_a_missing_model_file_is_named_in_the_error() -> None:
    engine = EmbeddedEngine(NOWHERE)

    with pytest.raises(EmbeddedEngineFailed, match=r"/no/such/model\.gguf does not exist") as error:
        await engine.start()

    assert error.value.code == "model_file_missing"
    assert engine.pid is None


async def test_a_file_that_is_no_model_fails_with_the_reason_of_llama_cpp(tmp_path: Path) -> None:
    (tmp_path / "poem.gguf").write_bytes(b"no model at all")
    engine = EmbeddedEngine(EmbeddedOptions(model_path=tmp_path / "poem.gguf", alias="poem"))

    with pytest.raises(EmbeddedEngineFailed, match="did not start"):
        await engine.start()


async def test_a_child_that_is_not_ready_in_time_is_ended() -> None:
    engine = EmbeddedEngine(NOWHERE, ready_timeout_s=0)

    with pytest.raises(EmbeddedEngineFailed, match="not ready within"):
        await engine.start()

    assert engine.pid is None


async def test_a_crash_loop_is_unhealthy_and_keeps_its_last_error() -> None:
    engine = EmbeddedEngine(NOWHERE, restart_rule=IMPATIENT)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        supervising = tasks.create_task(engine.run())
        while engine.state is not EmbeddedState.UNHEALTHY:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)
        assert not engine.is_ready
        supervising.cancel()

    assert engine.base_url is None
    assert "does not exist" in (engine.last_error or "")


def test_pauses_grow_to_a_cap_and_the_first_restart_waits_for_nothing() -> None:
    rule = RestartRule(first_pause_s=0.5, max_pause_s=30.0)

    pauses = [rule.pause_s(failures) for failures in (0, 1, 2, 3, 4, 9, 5000)]

    assert pauses == [0.0, 0.0, 0.5, 1.0, 2.0, 30.0, 30.0]
