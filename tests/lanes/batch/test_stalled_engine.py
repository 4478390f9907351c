"""A line whose engine falls silent is tried again: a batch waits for nobody for ever."""

from __future__ import annotations

from forebay.core.batches import BatchStatus
from forebay.engines.pool import Replica
from tests.engines.http_clients import engine_at
from tests.engines.scripted_server import CHUNKED, FRAMES, Visit, chunk, chunked
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.submitted import ended, loops, results
from tests.lanes.house import House


async def test_a_line_whose_engine_stalls_is_run_again(house: House) -> None:
    async def script(visit: Visit) -> None:
        if visit.number == 1:
            await visit.request()
            visit.say(CHUNKED + b"".join(map(chunk, FRAMES[:2])))
            await visit.client_closed()
            return
        while await visit.request():
            visit.say(chunked())

    house.replica.slots = 0
    async with engine_at(script, stall_s=0.05) as (engine, server):
        replica = Replica("silent at first", engine, slots=1)
        house.served.pool.add(replica, model="its-name")
        house.dispatcher.mark_up(replica)
        begun = await begin(house, chat("a"))
        async with loops(house):
            batch = await ended(house, begun.id)
    assert (batch.status, batch.completed_count) == (BatchStatus.COMPLETED, 1)
    assert batch.retry_count == 1 and len(server.requests) == 2
    (line,) = (await results(house, batch.output_file_id)).values()
    assert line["response"]["body"]["choices"][0]["message"]["content"] == "Hello ☀"
