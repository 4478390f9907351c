"""What every script of this folder stands on: plays by name, a model, and a way to tell.

These scripts run in a client's own environment. They import that client, this module and the
standard library; the tests judge what they print.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

JsonObject = dict[str, object]
Play = Callable[[], JsonObject]


def perform(*plays: Play) -> None:
    """Run the play that the command line names and print what it returns."""
    by_name = {play.__name__: play for play in plays}
    json.dump(by_name[sys.argv[1]](), sys.stdout)


def model() -> str:
    """Return the model that the test asks for."""
    return os.environ["MODEL"]
