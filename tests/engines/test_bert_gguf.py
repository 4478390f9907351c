"""A BERT of a few numbers, from its published form to GGUF."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from forebay.engines.bert_gguf import BertShape, bert_gguf
from tests.engines.gguf_reader import ReadFile, read_gguf

SHAPE = BertShape(name="Tiny", licence="mit", head_count=2, layer_norm_epsilon=1e-12)
# The last one is a character at which a careless reader would end the line.
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##s", "##", "é", "\u2028")
WIDTH, INNER, POSITIONS = 4, 6, 3
F32, F16 = 0, 1

EMBEDDINGS = {
    "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
    "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
    "embeddings.token_type_embeddings.weight": (2, WIDTH),
    "embeddings.LayerNorm.weight": (WIDTH,),
    "embeddings.LayerNorm.bias": (WIDTH,),
    "pooler.dense.weight": (WIDTH, WIDTH),
}
LAYER = {
    "attention.self.query": (WIDTH, WIDTH),
    "attention.self.key": (WIDTH, WIDTH),
    "attention.self.value": (WIDTH, WIDTH),
    "attention.output.dense": (WIDTH, WIDTH),
    "attention.output.LayerNorm": (WIDTH,),
    "intermediate.dense": (INNER, WIDTH),
    "output.dense": (WIDTH, INNER),
    "output.LayerNorm": (WIDTH,),
}


def published(shapes: Mapping[str, tuple[int, ...]]) -> tuple[bytes, dict[str, list[float]]]:
    """Return a safetensors file, and the numbers in it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    numbers: dict[str, list[float]] = {}
    content = b""
    for index, (name, shape) in enumerate(shapes.items()):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        # Whole numbers below 2048 are the same in 16 bits; a third is not.
        numbers[name] = [index + 1 / 3, *[float(index + number) for number in range(1, count)]]
        packed = struct.pack(f"<{count}f", *numbers[name])
        offsets = [len(content), len(content) + len(packed)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        content += packed
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + content, numbers


@pytest.fixture
def shapes() -> dict[str, tuple[int, ...]]:
    """The tensors of a BERT of two layers."""
    found: dict[str, tuple[int, ...]] = dict(EMBEDDINGS)
    for number in (0, 1):
        for name, shape in LAYER.items():
            found[f"encoder.layer.{number}.{name}.weight"] = shape
            found[f"encoder.layer.{number}.{name}.bias"] = shape[:1]
    return found


@pytest.fixture
def made(tmp_path: Path, shapes: dict[str, tuple[int, ...]]) -> ReadFile:
    """The file that is made of them."""
    source = tmp_path / "joined"
    source.write_bytes(published(shapes)[0] + "\n".join([*VOCABULARY, ""]).encode())
    return read_gguf(b"".join(bert_gguf(source, SHAPE)))


def numbers_of(made: ReadFile, name: str) -> tuple[float, ...]:
    tensor = made.tensors[name]
    form = "e" if tensor.type == F16 else "f"
    return struct.unpack(f"<{len(tensor.content) // struct.calcsize(form)}{form}", tensor.content)


def test_the_engine_is_told_what_kind_of_model_it_is(made: ReadFile) -> None:
    told = made.metadata
    assert made.version == 3
    assert told["general.architecture"] == "bert"
    assert (told["general.name"], told["general.license"]) == ("Tiny", "mit")
    assert told["bert.block_count"] == 2
    assert told["bert.context_length"] == POSITIONS
    assert told["bert.embedding_length"] == WIDTH
    assert told["bert.feed_forward_length"] == INNER
    assert told["bert.attention.head_count"] == 2
    assert told["bert.attention.layer_norm_epsilon"] == pytest.approx(1e-12)
    assert told["bert.attention.causal"] is False
    assert told["bert.pooling_type"] == 1
    assert told["tokenizer.ggml.token_type_count"] == 2


def test_the_beginnings_of_words_are_marked_instead_of_their_continuations(made: ReadFile) -> None:
    assert made.metadata["tokenizer.ggml.model"] == "bert"
    assert made.metadata["tokenizer.ggml.tokens"] == [
        *VOCABULARY[:5],
        "\u2581the",
        "s",
        "",
        "\u2581é",
        "\u2581\u2028",
    ]
    assert made.metadata["tokenizer.ggml.token_type"] == [3] * 5 + [1] * 5


def test_the_special_tokens_are_named(made: ReadFile) -> None:
    names = ("padding", "unknown", "cls", "seperator", "mask")
    assert [made.metadata[f"tokenizer.ggml.{name}_token_id"] for name in names] == [0, 1, 2, 3, 4]


def test_every_tensor_but_the_pooler_is_there_under_its_new_name(made: ReadFile) -> None:
    inner = [
        *("attn_q", "attn_k", "attn_v", "attn_output", "attn_output_norm"),
        *("ffn_up", "ffn_down", "layer_output_norm"),
    ]
    assert set(made.tensors) == {
        "token_embd.weight",
        "position_embd.weight",
        "token_types.weight",
        "token_embd_norm.weight",
        "token_embd_norm.bias",
        *[
            f"blk.{n}.{name}.{kind}"
            for n in (0, 1)
            for name in inner
            for kind in ("weight", "bias")
        ],
    }
    assert made.tensors["blk.1.ffn_up.weight"].shape == (WIDTH, INNER)


def test_numbers_are_those_of_the_tensor_of_that_name(
    made: ReadFile, shapes: dict[str, tuple[int, ...]]
) -> None:
    _, numbers = published(shapes)
    for ours, theirs in {
        "token_embd.weight": "embeddings.word_embeddings.weight",
        "blk.0.attn_k.weight": "encoder.layer.0.attention.self.key.weight",
        "blk.1.ffn_down.weight": "encoder.layer.1.output.dense.weight",
        "blk.1.layer_output_norm.bias": "encoder.layer.1.output.LayerNorm.bias",
    }.items():
        assert numbers_of(made, ours) == pytest.approx(numbers[theirs], rel=1e-3)


def test_matrices_are_halved_and_what_is_small_is_kept_whole(
    made: ReadFile, shapes: dict[str, tuple[int, ...]]
) -> None:
    _, numbers = published(shapes)
    halved = {name for name, tensor in made.tensors.items() if tensor.type == F16}
    assert "token_embd.weight" in halved
    assert len(halved) == 1 + 2 * 6
    assert not halved & {"position_embd.weight", "token_types.weight"}
    exact = numbers["embeddings.word_embeddings.weight"][0]
    (nearest,) = struct.unpack("<e", struct.pack("<e", exact))
    assert numbers_of(made, "token_embd.weight")[0] == nearest != exact


def test_the_same_weights_make_the_same_bytes(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]]
) -> None:
    source = tmp_path / "joined"
    source.write_bytes(published(shapes)[0] + "\n".join(VOCABULARY).encode())
    pieces = [b"".join(bert_gguf(source, SHAPE)) for _ in range(2)]
    assert pieces[0] == pieces[1]
