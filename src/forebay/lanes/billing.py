"""What a turn cost: its usage, its price, and the charge that goes into the ledger."""

from __future__ import annotations

from forebay.core.clock import Instant
from forebay.core.ledger import EntryKind, LedgerEntry
from forebay.core.money import Usage, show_nanos
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import Outcome, final_status
from forebay.dialects.turn import AnyTurn, EmbeddingTurn, JsonObject, TextTurn
from forebay.dialects.wire import encode
from forebay.lanes.admission import Accepted

BYTES_PER_TOKEN = 4  # a usual rule of thumb for English text


def usage_of(turn: AnyTurn, answer: Answer) -> Usage:
    """Return the engine's own count, or an estimate where a turn was cut off before it came.

    The estimate counts a token for each delta, and one for every four bytes of the prompt. A prompt
    that several choices answer is counted once, as OpenAI does.
    """
    if not answer.others:
        return answer.usage or _estimate(turn, answer)
    a_prompt = 1 if isinstance(turn, EmbeddingTurn) else turn.choices
    total = Usage()
    for number, choice in enumerate(answer.choices):
        usage = choice.usage or _estimate(turn, choice)
        total += usage if number % a_prompt == 0 else _output_of(usage)
    return total


def _estimate(turn: AnyTurn, answer: Answer) -> Usage:
    return Usage(
        input_tokens=len(encode(_prompt_of(turn))) // BYTES_PER_TOKEN,
        output_tokens=answer.delta_count,
    )


def _prompt_of(turn: AnyTurn) -> object:
    match turn:
        case EmbeddingTurn():
            return turn.inputs
        case TextTurn():
            # What each choice was given; nearly always there is one prompt.
            return turn.prompts[0]
        case _:
            return turn.messages


def _output_of(usage: Usage) -> Usage:
    return Usage(output_tokens=usage.output_tokens, reasoning_tokens=usage.reasoning_tokens)


def cost_nanos(accepted: Accepted, usage: Usage) -> int:
    """Return what the usage costs in the call's window."""
    return accepted.served.prices[accepted.window.name].cost_nanos(usage)


def charge(accepted: Accepted, usage: Usage, *, finished_at: Instant) -> LedgerEntry:
    """Return the one charge of a settled call."""
    return _entry(EntryKind.CHARGE, accepted.call.id, accepted, usage, finished_at)


def waste(accepted: Accepted, usage: Usage, *, attempt: int, created_at: Instant) -> LedgerEntry:
    """Return what an attempt cost that was given up: nobody is billed for it."""
    subject_id = f"{accepted.call.id}/{attempt}"
    return _entry(EntryKind.WASTE, subject_id, accepted, usage, created_at)


def _entry(
    kind: EntryKind, subject_id: str, accepted: Accepted, usage: Usage, created_at: Instant
) -> LedgerEntry:
    return LedgerEntry(
        kind=kind,
        subject_id=subject_id,
        project_id=accepted.caller.project_id,
        key_id=accepted.caller.key_id,
        lane=accepted.lane,
        window=accepted.window.name,
        model=accepted.served.model.name,
        usage=usage,
        cost_nanos=cost_nanos(accepted, usage),
        is_window_met=created_at <= accepted.deadline_at,
        created_at=created_at,
    )


def extension(accepted: Accepted, entry: LedgerEntry, *, attempt: int | None = None) -> JsonObject:
    """Return the fields under `forebay` of an answer whose charge is `entry`."""
    fields: JsonObject = {
        "window": accepted.window.name,
        "cost": {
            "amount": show_nanos(entry.cost_nanos),
            "currency": accepted.served.model.currency,
        },
    }
    if not entry.is_window_met:
        fields["window_missed"] = True
    if attempt is not None:
        fields["attempt"] = attempt
    return fields


def ended(
    accepted: Accepted, answer: Answer, *, finished_at: Instant, attempt: int | None = None
) -> tuple[Outcome, LedgerEntry]:
    """Return how a turn that ran to its end ended, and its charge.

    `attempt` is shown where work may be tried again.
    """
    answer.usage = usage_of(accepted.turn, answer)
    entry = charge(accepted, answer.usage, finished_at=finished_at)
    outcome = Outcome(
        status=final_status(answer),
        answer=answer,
        finished_at=finished_at,
        extension=extension(accepted, entry, attempt=attempt),
    )
    return outcome, entry
