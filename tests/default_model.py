"""The default models' weights for tests: pulled once into a folder that outlives the test run."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL, DEFAULT_MODEL
from forebay.engines.weights import Weights, WeightsUnavailable

ROOT = Path(__file__).parents[1]
MODELS_FOLDER = Path(os.environ.get("FOREBAY_TEST_MODELS", ROOT / ".cache" / "models"))


def require_default_model() -> Path:
    """Return the folder that holds the default model.

    Skips the test where it cannot be had, but never in CI: there it must be had.
    """
    return _require(DEFAULT_MODEL)


def require_embedding_model() -> Path:
    """Return the folder, as above, that holds the default model and the one of embeddings."""
    _require(DEFAULT_MODEL)
    return _require(DEFAULT_EMBEDDING_MODEL)


def _require(name: str) -> Path:
    try:
        asyncio.run(Weights(MODELS_FOLDER).pull(name))
    except WeightsUnavailable as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    return MODELS_FOLDER.absolute()
