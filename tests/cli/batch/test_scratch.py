"""What a command keeps for its time alone is gone after it, or after the next one."""

from __future__ import annotations

import os
from pathlib import Path

from forebay.cli.batch.scratch import PREFIX, scratch_folder

LONG_AGO = (1_000_000_000, 1_000_000_000)


def left_by_the_dead(parent: Path) -> Path:
    folder = parent / f"{PREFIX}dead"
    folder.mkdir()
    (folder / "lines.jsonl").write_text("a prompt")
    os.utime(folder, LONG_AGO)
    return folder


def test_a_folder_is_gone_behind_its_block(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "lines.jsonl").write_text("a prompt")

    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_command_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    dead = left_by_the_dead(tmp_path)

    with scratch_folder(tmp_path):
        assert not dead.exists()


def test_the_folder_of_a_command_that_works_stays(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as first:
        os.utime(first, LONG_AGO)
        with scratch_folder(tmp_path):
            assert first.is_dir()


def test_what_only_has_the_name_of_such_a_folder_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    os.utime(tmp_path / f"{PREFIX}link", LONG_AGO, follow_symlinks=False)

    with scratch_folder(tmp_path):
        assert elsewhere.is_dir()
