"""A batch with everything filled in, so that a test names only what it is about."""

from __future__ import annotations

import dataclasses
from typing import Any

from forebay.core.batches import Batch, BatchApi, BatchStatus
from forebay.core.clock import after
from tests.fakes import START


def made_batch(**others: Any) -> Batch:
    """Return a batch that runs, of which nothing is done."""
    values: dict[str, Any] = {
        field.name: 0 if field.type == "int" else None for field in dataclasses.fields(Batch)
    }
    values |= {
        "id": "batch_1",
        "project_id": "proj_default",
        "key_id": "key_1",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "band_rank": 2,
        "metadata": "{}",
        "created_at": START,
        "deadline_at": after(START, 86_400),
        "expires_at": after(START, 86_400 * 2),
        "api": BatchApi.BATCHES,
        "status": BatchStatus.IN_PROGRESS,
    }
    return Batch(**(values | others))
