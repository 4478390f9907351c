"""Sorting more than memory holds: what comes out is what went in, by key, and nothing stays."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.lanes.batch.spill import ExternalSort, Record


def sorted_by(records: list[Record], folder: Path, *, run_bytes: int, fan_in: int) -> list[Record]:
    """Return the records as the sort gives them back."""
    sort = ExternalSort(folder, run_bytes=run_bytes, fan_in=fan_in)
    for key, value in records:
        sort.add(key, value)
    in_order = list(sort.records())
    sort.close()
    return in_order


@given(
    records=st.dictionaries(st.binary(min_size=1, max_size=9), st.binary(max_size=30)),
    run_bytes=st.integers(1, 300),
    fan_in=st.integers(2, 5),
)
def test_any_runs_and_any_fan_in_give_what_sorting_in_memory_gives(
    records: dict[bytes, bytes], run_bytes: int, fan_in: int
) -> None:
    with TemporaryDirectory() as folder:
        given = list(records.items())
        found = sorted_by(given, Path(folder), run_bytes=run_bytes, fan_in=fan_in)
    assert found == sorted(given)


def test_many_runs_are_merged_in_several_passes(tmp_path: Path) -> None:
    records = [(number.to_bytes(4), b"x" * 9) for number in range(2000)]
    random.Random(1).shuffle(records)
    assert sorted_by(records, tmp_path, run_bytes=26, fan_in=3) == sorted(records)


def test_what_fits_one_run_is_never_written(tmp_path: Path) -> None:
    sort = ExternalSort(tmp_path / "not there", run_bytes=100)
    sort.add(b"b", b"2")
    sort.add(b"a", b"1")
    assert list(sort.records()) == [(b"a", b"1"), (b"b", b"2")]


def test_what_is_spilled_has_no_name_to_be_left_under(tmp_path: Path) -> None:
    sort = ExternalSort(tmp_path, run_bytes=10)
    for number in range(9):
        sort.add(number.to_bytes(4), b"x" * 20)
    assert next(sort.records())[0] == bytes(4)
    assert list(tmp_path.iterdir()) == []
    sort.close()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    sort = ExternalSort(tmp_path / "not there", run_bytes=1)
    with pytest.raises(FileNotFoundError):
        sort.add(b"a", b"1")
