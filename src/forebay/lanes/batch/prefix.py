"""What prompts begin with, as a chain of hashes: equal beginnings are equal beginnings of chains.

No tokenizer is needed for that: the prompt's canonical encoding is cut into blocks of bytes, and
each hash stands for its block and everything before it.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from forebay.dialects.turn import JsonObject

BLOCK_BYTES = 256
MAX_BLOCKS = 64
HASH_BYTES = 8
BYTES_A_TOKEN = 4

# In the order in which chat templates put them.
_PARTS = ("tools", "system", "instructions", "messages", "input", "prompt")

_encode = msgspec.json.Encoder(order="deterministic").encode


def prompt_of(body: JsonObject) -> bytes:
    """Return what of a request an engine reads, in one encoding for all that mean the same."""
    return _encode([body.get(part) for part in _PARTS])


def chain_of(prompt: bytes) -> bytes:
    """Return the hashes of the prompt's whole blocks, as far as they are looked at."""
    last = b""
    whole_bytes = min(len(prompt), MAX_BLOCKS * BLOCK_BYTES) // BLOCK_BYTES * BLOCK_BYTES
    return b"".join(
        [
            last := blake2b(last + prompt[at : at + BLOCK_BYTES], digest_size=HASH_BYTES).digest()
            for at in range(0, whole_bytes, BLOCK_BYTES)
        ]
    )


def shared_chain(first: bytes, last: bytes) -> bytes:
    """Return the whole hashes with which both chains begin."""
    end = 0
    while (hash := first[end : end + HASH_BYTES]) and hash == last[end : end + HASH_BYTES]:
        end += HASH_BYTES
    return first[:end]
