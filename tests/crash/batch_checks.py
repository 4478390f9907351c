"""What must be true of every batch, whatever happened to the server that ran it."""

from __future__ import annotations

from collections import Counter

from tests.crash.batch_books import Books, total
from tests.crash.batch_lines import text_of
from tests.crash.rote_engine import PIECES


def check_each_line_has_one_result(books: Books) -> None:
    """Raise unless output and errors have every custom id once, together."""
    found = Counter(books.answered + books.unanswered)
    expected = Counter(list(books.lines))
    assert found == expected, f"lost {expected - found}, doubled {found - expected}"


def check_answers(books: Books) -> None:
    """Raise unless each answer is that of its own prompt, and no line is answered wrongly."""
    for result in books.output:
        line = books.lines[str(result["custom_id"])]
        assert not line.is_refused, f"{line.custom_id} was to be refused"
        assert text_of(result, books.endpoint) == line.answer, f"{line.custom_id} has another's"


def check_counts(books: Books) -> None:
    """Raise unless the batch's counts are those of its files, and of its segments."""
    output, errors = len(books.output), len(books.errors)
    counts = {
        "total_count": len(books.lines),
        "completed_count": output,
        "failed_count": errors,
        "schema_failed_count": 0,
        "engine_failed_count": 0,
    }
    assert {name: books.count(name) for name in counts} == counts
    reasons = ("refused_count", "engine_failed_count", "expired_count", "cancelled_count")
    assert sum(books.count(name) for name in reasons) == errors
    assert total(books.chunks, "line_count") == output + errors
    assert total(books.segments, "line_count") == total(books.segments, "ended_count")
    shown = books.batch["request_counts"]
    assert isinstance(shown, dict)
    if books.batch.get("object") == "batch":
        assert shown == {"total": output + errors, "completed": output, "failed": errors}
    else:
        assert (shown["processing"], shown["succeeded"]) == (0, output)
        assert sum(shown.values()) == output + errors


def check_bill(books: Books) -> None:
    """Raise unless the charges are what the answers cost, once, to the token and nano-unit."""
    answered = [books.lines[custom_id] for custom_id in books.answered]
    expected = {
        "input_tokens": sum(line.input_tokens for line in answered),
        "output_tokens": PIECES * len(answered),
        "cost_nanos": sum(line.cost_nanos for line in answered),
    }
    assert {name: total(books.charges, name) for name in expected} == expected
    assert {name: books.count(name) for name in expected} == expected
    subjects = [row["subject_id"] for row in books.charges]
    chunks = [row["blob_id"] for row in books.chunks if row["kind"] == "output"]
    assert sorted(map(str, subjects)) == sorted(map(str, chunks)), "a charge for each chunk"


def check_waste(books: Books) -> None:
    """Raise unless the batch counts as waste what the ledger does."""
    names = ("input_tokens", "output_tokens")
    found = {name: total(books.waste, name) for name in names}
    assert {name: books.count(f"waste_{name}") for name in names} == found
    assert books.count("waste_nanos") == total(books.waste, "cost_nanos")


def check_is_settled(books: Books) -> None:
    """Raise unless every segment is done and held by nobody."""
    assert {(row["status"], row["lease_id"]) for row in books.segments} <= {("done", None)}


def check(books: Books) -> None:
    """Raise unless all of the above is true."""
    check_each_line_has_one_result(books)
    check_answers(books)
    check_counts(books)
    check_bill(books)
    check_waste(books)
    check_is_settled(books)
