"""A server killed with an agent fleet's requests in flight: each ends once, and is charged once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.crash.callers import Json
from tests.crash.kept import Row
from tests.crash.rote_engine import PIECES, Asked, RoteEngine, answer_to, rote_engine
from tests.crash.sites import Site, postgres_site, sqlite_site

SEED = 11
COUNT = 200
SLOTS = 48
STORY_S = 90.0


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when every request has ended."""

    prompts: dict[str, str]  # by response id
    responses: dict[str, Json]
    running_at_crash: set[str]
    settled_at_crash: set[str]
    requests: list[Row]
    ledger: list[Row]
    asked: list[Asked]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def aftermath(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Aftermath:
    """Have a fleet ask at once, kill the server at a moment drawn by chance, and see the end."""
    folder = tmp_path_factory.mktemp("fleet")
    chance = random.Random(SEED)

    async def tell() -> Aftermath:
        async with asyncio.timeout(STORY_S), rote_engine(pause_s=0.02) as engine:
            if request.param == "sqlite":
                async with sqlite_site(folder, engine, slots=SLOTS) as site:
                    return await _story(site, engine, chance)
            server = request.getfixturevalue("postgres_server")
            async with postgres_site(folder, engine, server, slots=SLOTS) as pair:
                return await _story(pair, engine, chance)

    return asyncio.run(tell())


async def _story(site: Site, engine: RoteEngine, chance: random.Random) -> Aftermath:
    callers = site.callers
    engine.gate.clear()
    wanted = [f"turn {n} of the fleet" for n in range(COUNT)]
    ids = await asyncio.gather(*map(callers.submit, wanted))
    await engine.until_held(SLOTS)
    engine.gate.set()
    await engine.until_ended(chance.randrange(COUNT - SLOTS))
    site.kill()
    at_crash = await site.rows("SELECT id, status FROM request")
    await site.go_on()
    responses = {id: await callers.until_ended(f"/v1/responses/{id}") for id in ids}
    return Aftermath(
        prompts=dict(zip(ids, wanted, strict=True)),
        responses=responses,
        running_at_crash={str(row["id"]) for row in at_crash if row["status"] == "in_progress"},
        settled_at_crash={str(row["id"]) for row in at_crash if row["status"] == "completed"},
        requests=await site.rows("SELECT * FROM request"),
        ledger=await site.rows("SELECT * FROM ledger_entry"),
        asked=engine.asked,
    )


def test_the_crash_hits_a_fleet_in_flight(aftermath: Aftermath) -> None:
    waited = COUNT - len(aftermath.running_at_crash) - len(aftermath.settled_at_crash)
    assert aftermath.running_at_crash and aftermath.settled_at_crash and waited


def test_every_request_of_the_fleet_is_completed(aftermath: Aftermath) -> None:
    assert len(aftermath.responses) == len(aftermath.requests) == COUNT
    for response_id, prompt in aftermath.prompts.items():
        response = aftermath.responses[response_id]
        assert response["status"] == "completed"
        assert response["output"][0]["content"][0]["text"] == answer_to(prompt)  # type: ignore[index]


def test_the_fleet_is_charged_once_for_each_request(aftermath: Aftermath) -> None:
    charged = [str(row["subject_id"]) for row in aftermath.ledger]
    assert {row["kind"] for row in aftermath.ledger} == {"charge"}
    assert sorted(charged) == sorted(aftermath.prompts)
    assert {row["output_tokens"] for row in aftermath.ledger} == {PIECES}


def test_only_what_was_running_is_asked_again(aftermath: Aftermath) -> None:
    times = Counter(asked.prompt for asked in aftermath.asked)
    for response_id, prompt in aftermath.prompts.items():
        # One that was just claimed may not have reached the engine.
        expected = {1, 2} if response_id in aftermath.running_at_crash else {1}
        assert times[prompt] in expected
    attempts = {row["id"]: row["attempt"] for row in aftermath.requests}
    again = {response_id for response_id, attempt in attempts.items() if attempt == 2}
    assert again == aftermath.running_at_crash
    assert set(attempts.values()) == {1, 2}
