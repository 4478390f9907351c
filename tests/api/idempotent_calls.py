"""What the tests of idempotency keys share."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from forebay.core.projects import DEFAULT_PROJECT
from tests.api.conftest import Front

HI: list[Any] = [{"role": "user", "content": "hi"}]
KEYS = f"/v1/organization/projects/{DEFAULT_PROJECT}/api_keys"


def once(key: str = "once") -> dict[str, str]:
    """Return the header with a key."""
    return {"Idempotency-Key": key}


async def second_key(front: Front) -> str:
    """Return another key of the same project."""
    return str((await front.http.post(KEYS, json={"name": "second"})).json()["value"])


def spent(refused: pytest.ExceptionInfo[openai.BadRequestError]) -> bool:
    """Tell whether a call was refused for its key, and told not to come again."""
    error = refused.value
    assert error.response.headers["x-should-retry"] == "false"
    return error.code == "idempotency_error"
