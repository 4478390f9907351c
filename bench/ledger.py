"""The ledger as a witness: one charge for each answer, or the figures are worth nothing."""

from bench.figure import Figure


def ledger_figure(what: str, *, charges: int, answers: int) -> Figure:
    """Show the charges beside the answers."""
    return Figure(
        name=f"charges in the ledger, {what}",
        value=charges,
        unit="",
        baseline=answers,
        baseline_name="answers",
    )


def ledger_failures(*, charges: int, answers: int) -> list[str]:
    """Say what is wrong, if they differ."""
    if charges == answers:
        return []
    return [f"the ledger holds {charges} charges for {answers} answers"]
