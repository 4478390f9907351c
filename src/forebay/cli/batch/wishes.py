"""What the options and the environment say of the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerWish:
    """The options about the server, as they were given."""

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    data_dir: Path | None = None
    config: Path | None = None
    engines: list[str] | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
