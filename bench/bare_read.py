"""The baseline of a validation: a loop that reads the file, and decodes each line once."""

import argparse
import time
from pathlib import Path

import msgspec


def read(file: Path) -> tuple[int, float]:
    """Give the number of lines, and the seconds that they took."""
    decode = msgspec.json.Decoder().decode
    started_at = time.perf_counter()
    number = 0
    with file.open("rb") as lines:
        for line in lines:
            decode(line)
            number += 1
    return number, time.perf_counter() - started_at


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare_read")
    parser.add_argument("file", type=Path)
    print(*read(parser.parse_args().file))


if __name__ == "__main__":
    main()
