"""A package index made of a folder, and wheels of a few bytes for it."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

from forebay.engines.known_models import WheelFile

NO_PIP = (sys.executable, "-I", "-S", "-m", "pip")
NEVER_IMPORTED = b"raise RuntimeError('this must not be imported')"


def pip_from(folder: Path) -> tuple[str, ...]:
    """Return the real pip, with `folder` as its only index."""
    settings = ("PIP_NO_INDEX=1", f"PIP_FIND_LINKS={folder}", "PIP_CONFIG_FILE=/dev/null")
    return ("env", *settings, sys.executable, "-m", "pip")


def build_wheel(folder: Path, *, package: str, path: str, content: bytes) -> WheelFile:
    """Write a wheel that carries one file, and return how the catalogue describes it."""
    name = package.replace("-", "_")
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__init__.py", NEVER_IMPORTED)
        archive.writestr(path, content)
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\nRequires-Dist: not-there\n",
        )
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return WheelFile(
        package=package,
        version="1.0",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        path=path,
        size_bytes=len(content),
    )


def left_in(folder: Path) -> set[str]:
    """Return the names of what is in a folder."""
    return {path.name for path in folder.iterdir()}
