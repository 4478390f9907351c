"""A command ends with a status that says what kind of thing came between."""

from __future__ import annotations

import errno

import pytest
import typer

from forebay.cli.batch.conclusion import conclude
from forebay.cli.batch.display import Display
from forebay.cli.batch.endings import (
    CommandRefused,
    DiskTrouble,
    ExitStatus,
    ServerAnswered,
    ServerGone,
)


def status_after(error: Exception) -> int:
    async def work(_: Display) -> ExitStatus:
        raise error

    with pytest.raises(typer.Exit) as caught:
        conclude(work)
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandRefused("no"), 2),
        (ServerAnswered(404, "not there", what="/x"), 2),
        (ServerAnswered(429, "later", what="/x"), 3),
        (ServerAnswered(500, "broken", what="/x"), 3),
        (ServerGone("away"), 3),
        (DiskTrouble("no room"), 4),
        (OSError(errno.ENOSPC, "No space left on device", "out.part"), 4),
    ],
)
def test_a_known_error_is_one_line_and_its_status(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_after(error) == status
    said = capsys.readouterr().err
    assert said.startswith("forebay: ")
    assert said.count("\n") == 1


def test_a_full_disk_is_named_with_the_file_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status_after(OSError(errno.ENOSPC, "No space left on device", "out.part"))

    assert capsys.readouterr().err == (
        "forebay: out.part: the disk is full (no space left on device); make room and run the "
        "same command again: what has come is kept\n"
    )


def test_what_nobody_expected_is_told_with_its_place_and_a_status_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert status_after(ValueError("odd")) == 70
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.endswith("forebay: this is a defect of the command itself: ValueError\n")
