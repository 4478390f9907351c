"""A server killed in the middle of everything, again and again, loses and doubles nothing."""

from __future__ import annotations

import asyncio
import collections
import json
import random
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.crash.callers import Callers, Json, Note, write_config
from tests.crash.kept import Row, charges, rows_of
from tests.crash.rote_engine import PIECES, answer_to, rote_engine
from tests.server_process import ServerProcess

SEEDS = (7, 40)
KILLS = 5
SLOTS = 16
STORY_S = 100.0


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when everything has ended: what callers were told, and what is on disk."""

    prompts: dict[str, dict[str, str]]  # by batch id, then by custom id
    batches: dict[str, Json]
    output_lines: dict[str, list[Json]]
    background_prompts: dict[str, str]  # by response id
    responses: dict[str, Json]
    journal: list[Note]
    refusals: list[int]
    charges: list[Row]
    requests: list[Row]
    begun_count: int
    ended_count: int


@pytest.fixture(scope="module", params=SEEDS)
def aftermath(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Aftermath:
    """Kill a busy server at moments drawn by chance, and let the last one finish."""
    folder = tmp_path_factory.mktemp("killed")
    return asyncio.run(_story(folder, random.Random(request.param)))


async def _story(folder: Path, chance: random.Random) -> Aftermath:
    async with (
        asyncio.timeout(STORY_S),
        rote_engine() as engine,
        aiohttp.ClientSession() as http,
    ):
        config = write_config(folder, engine, slots=SLOTS)
        server = ServerProcess(folder, "--config", str(config))
        callers = Callers(server, http)
        prompts: dict[str, dict[str, str]] = {}
        background: dict[str, str] = {}
        try:
            await callers.start_server()
            await _create_batch(callers, prompts, name="large", count=300)
            talking = [
                asyncio.create_task(callers.chat_for_ever(f"caller {n}", is_streamed=n % 2 == 0))
                for n in range(4)
            ]
            for kill in range(KILLS):
                await engine.until_ended(engine.ended_count + chance.randrange(1, 120))
                for n in range(4):
                    prompt = f"background {kill}-{n}"
                    background[await callers.submit(prompt)] = prompt
                await engine.until_begun(engine.begun_count + chance.randrange(12))
                if kill == 1:
                    # Killed while it is validated, or before, or just after.
                    await _create_batch(callers, prompts, name="small", count=40)
                callers.kill_server()
                await callers.start_server()
            batches = {id: await callers.until_ended(f"/v1/batches/{id}") for id in prompts}
            responses = {id: await callers.until_ended(f"/v1/responses/{id}") for id in background}
            output = {
                id: await callers.content(f"/v1/files/{batch['output_file_id']}/content")
                for id, batch in batches.items()
            }
            for task in talking:
                task.cancel()
            await asyncio.wait(talking)
        finally:
            await asyncio.to_thread(server.end)
        return Aftermath(
            prompts=prompts,
            batches=batches,
            output_lines={
                id: [json.loads(line) for line in content.splitlines()]
                for id, content in output.items()
            },
            background_prompts=background,
            responses=responses,
            journal=callers.journal,
            refusals=callers.refusals,
            charges=charges(server.data_dir),
            requests=rows_of(server.data_dir, "SELECT * FROM request"),
            begun_count=engine.begun_count,
            ended_count=engine.ended_count,
        )


async def _create_batch(
    callers: Callers, prompts: dict[str, dict[str, str]], *, name: str, count: int
) -> None:
    lines = {f"{name}-{n}": f"line {n} of the {name} batch" for n in range(count)}
    prompts[await callers.create_batch(lines)] = lines


def test_the_kills_hit_work_under_way(aftermath: Aftermath) -> None:
    assert any(int(str(row["attempt"])) > 1 for row in aftermath.requests)
    assert aftermath.begun_count > aftermath.ended_count


def test_every_batch_line_is_answered_exactly_once(aftermath: Aftermath) -> None:
    for batch_id, prompts in aftermath.prompts.items():
        answered = collections.Counter(
            str(line["custom_id"]) for line in aftermath.output_lines[batch_id]
        )
        assert answered == dict.fromkeys(prompts, 1)


def test_every_batch_line_has_the_answer_to_its_own_prompt(aftermath: Aftermath) -> None:
    for batch_id, prompts in aftermath.prompts.items():
        for line in aftermath.output_lines[batch_id]:
            body = line["response"]["body"]  # type: ignore[index]
            text = body["choices"][0]["message"]["content"]
            assert text == answer_to(prompts[str(line["custom_id"])])


def test_the_counts_of_a_batch_are_those_of_its_lines(aftermath: Aftermath) -> None:
    for batch_id, batch in aftermath.batches.items():
        count = len(aftermath.prompts[batch_id])
        assert batch["status"] == "completed"
        assert batch["request_counts"] == {"total": count, "completed": count, "failed": 0}
        assert batch["error_file_id"] is None


def test_the_bill_of_the_batches_is_that_of_their_lines(aftermath: Aftermath) -> None:
    charged = [row for row in aftermath.charges if row["lane"] == "batch"]
    line_count = sum(len(prompts) for prompts in aftermath.prompts.values())
    words = [
        prompt.split() for prompts in aftermath.prompts.values() for prompt in prompts.values()
    ]

    assert sum(int(str(row["output_tokens"])) for row in charged) == line_count * PIECES
    assert sum(int(str(row["input_tokens"])) for row in charged) == sum(map(len, words))


def test_every_background_response_that_was_accepted_is_completed(aftermath: Aftermath) -> None:
    for response_id, prompt in aftermath.background_prompts.items():
        response = aftermath.responses[response_id]
        assert response["status"] == "completed"
        assert response["output"][0]["content"][0]["text"] == answer_to(prompt)  # type: ignore[index]


def test_every_background_response_is_charged_exactly_once(aftermath: Aftermath) -> None:
    charged = [row["subject_id"] for row in aftermath.charges if row["lane"] == "background"]

    assert sorted(map(str, charged)) == sorted(str(row["id"]) for row in aftermath.requests)
    assert set(aftermath.background_prompts) <= set(charged)


def test_nothing_is_charged_twice(aftermath: Aftermath) -> None:
    subjects = [row["subject_id"] for row in aftermath.charges]

    assert len(subjects) == len(set(subjects))


def test_every_complete_realtime_answer_is_charged(aftermath: Aftermath) -> None:
    charged = {row["subject_id"] for row in aftermath.charges if row["lane"] == "realtime"}

    assert len(aftermath.journal) > KILLS
    assert {note.id for note in aftermath.journal} <= charged


def test_every_realtime_answer_is_that_of_its_prompt(aftermath: Aftermath) -> None:
    assert all(note.text == answer_to(note.prompt) for note in aftermath.journal)


def test_no_realtime_call_is_refused_once_the_server_says_it_is_ready(
    aftermath: Aftermath,
) -> None:
    assert aftermath.refusals == []
