"""`blobs_url` as an operator meets it: a server on it, and every mistake told in one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.s3_server import SECRET_KEY, S3Server
from tests.server_process import FOREBAY, ServerProcess, clean_environment

NO_ENGINE = "http://127.0.0.1:9/v1"


def serve(tmp_path: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a server that does not start."""
    return subprocess.run(
        [FOREBAY, "serve", "--port", "0", "--engine", NO_ENGINE, "--data-dir", str(tmp_path)],
        env=clean_environment(environ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )


def test_a_server_keeps_its_blobs_there_and_none_in_its_directory(
    tmp_path: Path, s3_server: S3Server
) -> None:
    url = s3_server.place()
    server = ServerProcess(
        tmp_path,
        "--engine",
        NO_ENGINE,
        environ=s3_server.environment | {"FOREBAY_BLOBS_URL": url},
    )
    server.start()
    server.end()
    assert [path.name for path in s3_server.files(url)] == ["house"]
    assert list(tmp_path.rglob("blobs")) == []


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FOREBAY_BLOBS_URL": "/srv/blobs"}, "blobs_url: it must be like s3://BUCKET/PREFIX"),
        ({"FOREBAY_BLOBS_URL": "s3:///place"}, "blobs_url: it must be like s3://BUCKET/PREFIX"),
        (
            {"FOREBAY_BLOBS_URL": f"s3://key:{SECRET_KEY}@forebay/place"},
            "blobs_url: keys and options belong in the environment",
        ),
        ({"FOREBAY_BLOBS_URL": "s3://nowhere/place"}, "s3://nowhere/place cannot be used"),
        (
            {"FOREBAY_BLOBS_URL": "s3://forebay/place", "AWS_ACCESS_KEY_ID": "another"},
            "403 Forbidden",
        ),
        (
            {
                "FOREBAY_BLOBS_URL": "s3://forebay/place",
                "AWS_ENDPOINT_URL": f"http://key:{SECRET_KEY}@127.0.0.1:9",
            },
            "s3://forebay/place cannot be used",
        ),
    ],
)
def test_a_place_that_cannot_be_used_is_told_without_secrets_or_a_traceback(
    tmp_path: Path, s3_server: S3Server, environ: dict[str, str], said: str
) -> None:
    answer = serve(tmp_path, s3_server.environment | environ)
    told = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert " ".join(said.split()) in " ".join(told.split())
    assert SECRET_KEY not in told
    assert "Traceback" not in told
