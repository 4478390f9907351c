"""Chains of hashes: prompts that begin alike have chains that begin alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.prefix import (
    BLOCK_BYTES,
    HASH_BYTES,
    MAX_BLOCKS,
    chain_of,
    prompt_of,
    shared_chain,
)


def chat(*texts: str, **others: object) -> JsonObject:
    return {"messages": [{"role": "user", "content": text} for text in texts]} | others


@given(
    blocks=st.lists(st.binary(min_size=BLOCK_BYTES, max_size=BLOCK_BYTES), max_size=4),
    first=st.binary(max_size=3 * BLOCK_BYTES),
    second=st.binary(max_size=3 * BLOCK_BYTES),
)
def test_chains_share_as_many_hashes_as_prompts_share_whole_blocks(
    blocks: list[bytes], first: bytes, second: bytes
) -> None:
    head = b"".join(blocks)
    same = 0
    while (block := first[same : same + BLOCK_BYTES]) and len(block) == BLOCK_BYTES:
        if block != second[same : same + BLOCK_BYTES]:
            break
        same += BLOCK_BYTES
    shared = shared_chain(chain_of(head + first), chain_of(head + second))
    assert len(shared) == (len(blocks) + same // BLOCK_BYTES) * HASH_BYTES


def test_an_equal_block_behind_another_beginning_has_another_hash() -> None:
    block = b"x" * BLOCK_BYTES
    assert chain_of(b"a" * BLOCK_BYTES + block)[-8:] != chain_of(b"b" * BLOCK_BYTES + block)[-8:]


def test_only_the_beginning_of_a_long_prompt_is_looked_at() -> None:
    assert len(chain_of(b"x" * BLOCK_BYTES * (MAX_BLOCKS + 9))) == MAX_BLOCKS * HASH_BYTES


def test_a_prompt_shorter_than_a_block_has_no_chain() -> None:
    assert chain_of(b"x" * (BLOCK_BYTES - 1)) == b""


def test_what_an_engine_does_not_read_is_no_part_of_the_prompt() -> None:
    assert prompt_of(chat("hi", model="a", seed=1)) == prompt_of(chat("hi", model="b"))


def test_the_order_of_fields_makes_no_difference() -> None:
    other: JsonObject = {"messages": [{"content": "hi", "role": "user"}]}
    assert prompt_of(chat("hi")) == prompt_of(other)


def test_tools_and_instructions_come_before_the_messages() -> None:
    tools = [{"type": "function", "function": {"name": "x" * BLOCK_BYTES}}]
    first, second = (prompt_of(chat(text, tools=tools, system="be kind")) for text in "ab")
    assert shared_chain(chain_of(first), chain_of(second))
