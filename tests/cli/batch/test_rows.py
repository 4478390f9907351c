"""Rows are read from JSONL, CSV, TSV and Parquet, and what cannot be read is named."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from forebay.cli.batch.rows import (
    CHUNK_ROWS,
    Format,
    InputWrong,
    chunks_of,
    format_of,
    rows_of,
)
from tests.server_process import clean_environment


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def fields(path: Path) -> list[dict[str, object]]:
    return [dict(row.fields) for row in rows_of(path)]


def test_objects_keep_their_types_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "in.jsonl", '{"a": 1}\n\n{"a": [true], "b": null}\n')

    assert fields(path) == [{"a": 1}, {"a": [True], "b": None}]
    assert [row.number for row in rows_of(path)] == [1, 2]


def test_cells_are_texts_by_the_header_and_may_hold_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "in.csv", '\ufeffid,text\n1,"two\nlines, ""quoted"""\n\n2,é\n')

    assert fields(path) == [
        {"id": "1", "text": 'two\nlines, "quoted"'},
        {"id": "2", "text": "é"},
    ]


def test_tabs_separate_the_cells_of_a_tsv(tmp_path: Path) -> None:
    assert fields(written(tmp_path, "in.tsv", "a\tb\n1,2\t3\n")) == [{"a": "1,2", "b": "3"}]


def test_a_cell_may_be_longer_than_the_library_allows_by_itself(tmp_path: Path) -> None:
    path = written(tmp_path, "in.csv", f"a\n{'x' * 200_000}\n")

    assert len(str(fields(path)[0]["a"])) == 200_000


def test_a_table_of_parquet_gives_its_values_and_its_batches(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    day = datetime.date(2026, 11, 20)
    table = pyarrow.table({"n": [1, None], "d": [day, day], "t": ["a", "b"]})
    pyarrow.parquet.write_table(table, path)

    assert fields(path) == [{"n": 1, "d": day, "t": "a"}, {"n": None, "d": day, "t": "b"}]
    assert all(chunk.origin is not None for chunk in chunks_of(path))


def test_times_to_the_nanosecond_are_read_as_texts(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    times = pyarrow.array([1_760_000_000_000_000_001], pyarrow.timestamp("ns"))
    pyarrow.parquet.write_table(pyarrow.table({"at": times}), path)

    assert fields(path) == [{"at": "2025-10-09 08:53:20.000000001"}]


def test_rows_come_in_chunks_with_their_numbers_going_on(tmp_path: Path) -> None:
    path = written(tmp_path, "in.jsonl", '{"a": 1}\n' * (CHUNK_ROWS + 1))
    chunks = list(chunks_of(path))

    assert [len(chunk.rows) for chunk in chunks] == [CHUNK_ROWS, 1]
    assert chunks[1].rows[0].number == CHUNK_ROWS + 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("in.jsonl", '{"a": 1}\n[1]\n', "line 2 is no JSON object"),
        ("in.jsonl", b'{"a": "\xff"}\n', "line 1 is no JSON object"),
        ("in.csv", "", "in.csv is empty"),
        ("in.csv", "a,a\n1,2\n", "two columns have the name 'a'"),
        ("in.csv", "a,b\n1,2\n3\n", "row 2 has 1 cells, and the header has 2"),
        ("in.csv", b"a\n\xff\n", "not UTF-8"),
        ("in.csv", 'a\n"b" c\n', "row 1 cannot be read"),
        ("in.parquet", "PAR1", "no Parquet"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(InputWrong, match=said):
        list(rows_of(written(tmp_path, name, content)))


def test_a_name_that_tells_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputWrong, match=r"in\.txt: its name should say what it holds"):
        format_of(tmp_path / "in.txt")
    assert format_of(tmp_path / "IN.JSONL") is Format.JSONL


def test_without_pyarrow_it_is_said_what_to_install(tmp_path: Path) -> None:
    without_pyarrow = (
        "import sys; sys.modules['pyarrow'] = None; "
        "from forebay.cli.main import main; sys.argv[0] = 'forebay'; main()"
    )
    path = written(tmp_path, "in.parquet", "PAR1")

    answer = subprocess.run(
        [
            *(sys.executable, "-c", without_pyarrow, "batch", "run", str(path)),
            *("-o", str(tmp_path / "out.csv"), "--prompt", "x"),
        ],
        env=clean_environment(),
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 2
    assert answer.stderr == (
        "forebay: Parquet needs one more library: pip install 'forebay[parquet]'\n"
    )
