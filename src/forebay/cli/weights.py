"""The embedded engine's model file: found, or fetched once with a progress bar."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from forebay.core.errors import ForebayError
from forebay.core.models import ModelKind
from forebay.engines.known_models import DEFAULT_MODEL, KNOWN_MODELS
from forebay.engines.weights import Weights
from forebay.settings import Settings

EMBEDDING_MODELS = [model.name for model in KNOWN_MODELS if model.kind is ModelKind.EMBEDDING]


class ModelFileMissing(ForebayError):
    """The model file that was named is not there."""

    code = "model_file_missing"


class ModelDoesNotChat(ForebayError):
    """The embedded engine was told to chat with a model that makes embeddings."""

    code = "model_does_not_chat"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} makes embeddings and cannot chat; it runs beside the embedded engine's "
            "model by itself (embedded_embeddings)"
        )


async def embedded_weights(settings: Settings, console: Console) -> Path | None:
    """Return the file that the embedded engine runs, or None when other engines are configured."""
    if settings.model is None and (settings.engines or settings.models):
        return None
    if settings.model is not None and settings.model.endswith(".gguf"):
        return _own_file(settings.model)
    if settings.model in EMBEDDING_MODELS:
        raise ModelDoesNotChat(settings.model)
    return await pull(settings, settings.model or DEFAULT_MODEL, console)


async def pull(settings: Settings, name: str, console: Console) -> Path:
    """Return a known model's file, fetching it if it is not here."""
    weights = Weights(settings.models_folder)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task(f"fetching {name}", total=None, visible=False)

        def show(done_bytes: int, total_bytes: int) -> None:
            progress.update(task, completed=done_bytes, total=total_bytes, visible=True)

        return await weights.pull(name, on_progress=show)


def _own_file(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelFileMissing(f"there is no model file {path}")
    return path
