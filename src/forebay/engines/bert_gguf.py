"""BERT weights as published (safetensors and a WordPiece vocabulary), made into one GGUF file.

The names and keys are those that llama.cpp's own converter gives; the same input gives the same
bytes on every machine, so the result has a known hash. Needs nothing but the standard library:
the usual converter would bring torch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forebay.engines import gguf
from forebay.engines.gguf import NumberType, Tensor
from forebay.engines.safetensors import SafeTensors

_PIECE_NUMBERS = 1 << 14  # each piece is packed without letting other threads run

_MEAN_POOLING = 1
_MOSTLY_F16 = 1
_NORMAL, _CONTROL = 1, 3

# llama.cpp marks the beginnings of words, where BERT marks their continuations by "##".
_WORD = "\u2581"

_EMBEDDINGS = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.LayerNorm": "token_embd_norm",
}
_BLOCK = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}

# Little is looked up in these, and llama.cpp wants them whole.
_KEPT_WHOLE = ("token_types.weight", "position_embd.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class BertShape:
    """What the weights do not say of themselves."""

    name: str
    licence: str
    head_count: int
    layer_norm_epsilon: float
    special_tokens: tuple[str, ...] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def bert_gguf(source: Path, shape: BertShape) -> Iterator[bytes]:
    """Yield the GGUF file of a model that pools by the mean.

    `source` holds the safetensors file and, right behind it, the vocabulary, a token a line.
    """
    with source.open("rb") as stream:
        stored = SafeTensors(stream)
        stream.seek(stored.end)
        vocabulary = stream.read().decode().rstrip("\n").split("\n")
        names = _names(stored)
        tensors = [
            Tensor(target, stored.tensors[name].shape, _type(target, stored.tensors[name].shape))
            for target, name in names.items()
        ]
        yield gguf.head(_metadata(shape, tensors, vocabulary), tensors)
        for tensor in tensors:
            yield from _numbers(stored, names[tensor.name], tensor)
            yield gguf.padding(tensor.size_bytes)


def _names(stored: SafeTensors) -> dict[str, str]:
    """Return our names of the tensors and the published ones; the unused pooler is left out."""
    names = {}
    for name in stored.tensors:
        module, _, kind = name.rpartition(".")
        if module in _EMBEDDINGS:
            names[f"{_EMBEDDINGS[module]}.{kind}"] = name
        elif module.startswith("encoder.layer."):
            number, _, inner = module.removeprefix("encoder.layer.").partition(".")
            names[f"blk.{number}.{_BLOCK[inner]}.{kind}"] = name
    return names


def _type(name: str, shape: tuple[int, ...]) -> NumberType:
    is_matrix = len(shape) == 2 and name not in _KEPT_WHOLE
    return NumberType.F16 if is_matrix else NumberType.F32


def _numbers(stored: SafeTensors, name: str, tensor: Tensor) -> Iterator[bytes]:
    for piece in stored.pieces(name, piece_bytes=4 * _PIECE_NUMBERS):
        yield piece if tensor.type is NumberType.F32 else _halved(piece)


def _halved(piece: bytes) -> bytes:
    """Return 32-bit numbers as the nearest 16-bit ones."""
    count = len(piece) // 4
    return struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", piece))


def _metadata(
    shape: BertShape, tensors: Sequence[Tensor], vocabulary: Sequence[str]
) -> list[bytes]:
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    feed_forward, width = shapes["blk.0.ffn_up.weight"]
    block_count = len([name for name in shapes if name.endswith(".ffn_up.weight")])
    return [
        gguf.text("general.architecture", "bert"),
        gguf.text("general.type", "model"),
        gguf.text("general.name", shape.name),
        gguf.text("general.license", shape.licence),
        gguf.count("general.file_type", _MOSTLY_F16),
        gguf.count("bert.block_count", block_count),
        gguf.count("bert.context_length", shapes["position_embd.weight"][0]),
        gguf.count("bert.embedding_length", width),
        gguf.count("bert.feed_forward_length", feed_forward),
        gguf.count("bert.attention.head_count", shape.head_count),
        gguf.number("bert.attention.layer_norm_epsilon", shape.layer_norm_epsilon),
        gguf.flag("bert.attention.causal", is_set=False),
        gguf.count("bert.pooling_type", _MEAN_POOLING),
        gguf.text("tokenizer.ggml.model", "bert"),
        gguf.count("tokenizer.ggml.token_type_count", shapes["token_types.weight"][0]),
        gguf.texts("tokenizer.ggml.tokens", [_token(token, shape) for token in vocabulary]),
        gguf.integers(
            "tokenizer.ggml.token_type",
            [_CONTROL if token in shape.special_tokens else _NORMAL for token in vocabulary],
        ),
        gguf.count("tokenizer.ggml.bos_token_id", vocabulary.index("[CLS]")),
        gguf.count("tokenizer.ggml.eos_token_id", vocabulary.index("[SEP]")),
        gguf.count("tokenizer.ggml.unknown_token_id", vocabulary.index("[UNK]")),
        gguf.count("tokenizer.ggml.seperator_token_id", vocabulary.index("[SEP]")),
        gguf.count("tokenizer.ggml.padding_token_id", vocabulary.index("[PAD]")),
        gguf.count("tokenizer.ggml.cls_token_id", vocabulary.index("[CLS]")),
        gguf.count("tokenizer.ggml.mask_token_id", vocabulary.index("[MASK]")),
    ]


def _token(token: str, shape: BertShape) -> str:
    if token in shape.special_tokens:
        return token
    return token[2:] if token.startswith("##") else _WORD + token
