"""`forebay serve` as the child of a batch command: it ends when its stdin does.

So it never outlives its parent, however that dies. Run with `python -m`, as `forebay` would be.
"""

from __future__ import annotations

import os
import signal
import threading

from forebay.cli.main import main

STDIN = 0


def _end_with_parent() -> None:
    # Not by the buffer of sys.stdin: its lock, held here, would be fatal to a process that ends.
    while os.read(STDIN, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    main()
