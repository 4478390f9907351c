"""The report of a batch, the verdicts that it takes from downstream, and what a retry may change.

All of this is Forebay's own: no vendor's API has it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from forebay.core.batch_report import (
    VerdictCounts,
    count_lines,
    is_window_met,
    margin_s,
    run_s,
    wall_s,
)
from forebay.core.batches import Batch, is_final
from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import InvalidParameter, MissingParameter
from forebay.core.money import NANOS_PER_UNIT
from forebay.dialects.batches import cost_object, usage_object
from forebay.dialects.metadata import read_metadata, refuse_reserved_of_batch
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

DECIMALS = Decimal("1e-12")  # a record may cost less than the smallest amount that is charged


class VerdictsBody(msgspec.Struct):
    """What was found downstream: ids of accepted and rejected results, or a verdict by each id."""

    accepted: list[str] = []
    rejected: list[str] = []
    verdicts: dict[str, bool | Literal["accepted", "rejected"]] = {}


class RetryBody(msgspec.Struct):
    """What is to be another way than in the batch that is run again."""

    completion_window: str | None = None
    metadata: dict[str, str] | None = None


def parse_verdicts(body: JsonObject, *, most: int) -> dict[str, bool]:
    """Return by its custom id whether each result is accepted.

    Raises `RequestRejected` for none, for more than `most`, and for one that is both.
    """
    _refuse_unknown(body, VerdictsBody)
    shape = read(body, VerdictsBody)
    found: dict[str, bool] = {}
    said = [
        *((custom_id, True) for custom_id in shape.accepted),
        *((custom_id, False) for custom_id in shape.rejected),
        *((custom_id, word in (True, "accepted")) for custom_id, word in shape.verdicts.items()),
    ]
    for custom_id, is_accepted in said:
        if found.setdefault(custom_id, is_accepted) is not is_accepted:
            raise InvalidParameter(f"'{custom_id}' is both accepted and rejected.")
    if not found:
        raise MissingParameter("accepted")
    if len(found) > most:
        raise InvalidParameter(f"A call takes {most} verdicts at most: {len(found)} were sent.")
    return found


def parse_retry(body: JsonObject, batch: Batch) -> tuple[str, dict[str, str]]:
    """Return the window and the metadata of the batch that runs what failed in `batch` again.

    Both are the same as there where the body does not name them; raises `RequestRejected`.
    """
    _refuse_unknown(body, RetryBody)
    named = read_metadata(body)
    shape = read(body, RetryBody)
    named_window = shape.completion_window
    window = batch.completion_window if named_window is None else named_window
    if shape.metadata is None:
        named = msgspec.json.decode(batch.metadata, type=dict[str, str])
        if "completion_window" in named:
            named["completion_window"] = window
    refuse_reserved_of_batch(named, window=window)
    return window, named


def batch_report(
    batch: Batch, verdicts: VerdictCounts, *, currency: str, now: Instant
) -> JsonObject:
    """Return what the batch came to, or so far."""
    usage = batch.usage
    spent_nanos = batch.cost_nanos + batch.waste_nanos
    accepted = count_lines(batch, verdicts).accepted
    return {
        "object": "batch.report",
        "batch_id": batch.id,
        "status": batch.status.value,
        "is_final": is_final(batch.status),
        "lines": _lines(batch, verdicts),
        "verdicts": {"accepted": verdicts.accepted, "rejected": verdicts.rejected},
        "retries": batch.retry_count,
        "usage": usage_object(usage),
        "prefix_cache_share": _ratio(usage.cached_tokens, usage.input_tokens),
        "waste": {
            "input_tokens": batch.waste_input_tokens,
            "output_tokens": batch.waste_output_tokens,
            "cost": cost_object(batch.waste_nanos, currency=currency),
        },
        "cost": cost_object(batch.cost_nanos, currency=currency),
        "spent": cost_object(spent_nanos, currency=currency),
        "cost_per_accepted": {"amount": _each(spent_nanos, accepted), "currency": currency}
        if accepted
        else None,
        "time": _time(batch, verdicts, now=now),
        "window": {
            "name": batch.completion_window,
            "deadline_at": seconds_of(batch.deadline_at),
            "is_met": is_window_met(batch, now=now),
            "margin_s": margin_s(batch, now=now),
        },
    }


def _refuse_unknown(body: JsonObject, shape: type[msgspec.Struct]) -> None:
    for name in body:
        if name not in shape.__struct_fields__:
            raise InvalidParameter(f"Unknown parameter: '{name}'.", param=name)


def _lines(batch: Batch, verdicts: VerdictCounts) -> JsonObject:
    lines = count_lines(batch, verdicts)
    return {
        "total": lines.total,
        "accepted": lines.accepted,
        "rejected": lines.rejected,
        "schema_failed": lines.schema_failed,
        "invalid": lines.refused,
        "engine_failed": lines.engine_failed,
        "expired": lines.expired,
        "cancelled": lines.cancelled,
        "unfinished": lines.unfinished,
    }


def _time(batch: Batch, verdicts: VerdictCounts, *, now: Instant) -> JsonObject:
    run, usage = run_s(batch, now=now), batch.usage
    return {
        "wall_s": wall_s(batch, now=now),
        "run_s": run,
        "tokens_per_s": _ratio(usage.input_tokens + usage.output_tokens, run),
        "lines_per_s": _ratio(count_lines(batch, verdicts).run, run),
    }


def _ratio(part: int, whole: float | None) -> float | None:
    return round(part / whole, 4) if whole else None


def _each(nanos: int, count: int) -> str:
    """Return the cost of each of so many, as a decimal number without trailing zeros."""
    amount = (Decimal(nanos) / NANOS_PER_UNIT / count).quantize(DECIMALS)
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".")
