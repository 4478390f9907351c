"""Custom ids by their hashes: every double is found, whether in memory or through buckets."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.lanes.batch.custom_ids import Duplicate, HashedRecords, hash_of


def hashed(custom_ids: list[str], folder: Path, *, pending_records: int = 9) -> HashedRecords:
    """Return the ids of lines that count from 1."""
    records = HashedRecords(folder, pending_records=pending_records)
    for number, custom_id in enumerate(custom_ids, 1):
        records.add(hash_of(custom_id), number.to_bytes(8))
    return records


@given(
    custom_ids=st.lists(st.text(max_size=2)),
    pending_records=st.integers(1, 50),
    most=st.integers(1, 9),
)
def test_the_first_lines_with_an_earlier_custom_id_are_found(
    custom_ids: list[str], pending_records: int, most: int
) -> None:
    expected = [
        Duplicate(number, custom_ids.index(custom_id) + 1)
        for number, custom_id in enumerate(custom_ids, 1)
        if custom_id in custom_ids[: number - 1]
    ]
    with TemporaryDirectory() as folder:
        records = hashed(custom_ids, Path(folder), pending_records=pending_records)
        assert records.duplicates(most=most) == expected[:most]
        records.close()


@pytest.mark.parametrize("pending_records", [7, 10_000])
def test_records_come_sorted_a_bucket_at_a_time(tmp_path: Path, pending_records: int) -> None:
    ids = [f"row-{number}" for number in range(1000)]
    records = hashed(ids, tmp_path, pending_records=pending_records)
    found = [record for bucket in records.buckets() for record in bucket]
    expected = sorted(hash_of(id) + number.to_bytes(8) for number, id in enumerate(ids, 1))
    assert found == expected
    assert list(tmp_path.iterdir()) == []
    records.close()


def test_few_records_never_leave_memory(tmp_path: Path) -> None:
    records = hashed(["a", "b"], tmp_path / "not there")
    assert len(next(records.buckets())) == 2
