"""Logs as events: a fixed phrase, then its fields, one line each on standard error."""

from __future__ import annotations

import logging

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class EventFormatter(logging.Formatter):
    """Formats `time level phrase field=value ...`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line (and its traceback, if it has one)."""
        fields = " ".join(
            f"{name}={value}" for name, value in record.__dict__.items() if name not in _STANDARD
        )
        line = super().format(record)
        head, _, rest = line.partition("\n")
        shown = f"{head} {fields}" if fields else head
        return f"{shown}\n{rest}" if rest else shown


def log_to_stderr(level: str) -> None:
    """Send this package's events, and the server's warnings, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(EventFormatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("forebay").setLevel(level.upper())
