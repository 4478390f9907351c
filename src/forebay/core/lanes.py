"""The three ways in which a caller waits."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """How the caller waits; decides delivery and limits, not the order of work."""

    REALTIME = "realtime"  # holds the connection
    BACKGROUND = "background"  # polls, or gets a webhook
    BATCH = "batch"  # collects a file
