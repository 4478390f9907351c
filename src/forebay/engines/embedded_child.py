"""The child process of the embedded engine: llama.cpp's own HTTP server on a loopback port.

Speaks to its parent in two lines: options as JSON on stdin, then the address (or an error) as JSON
on stdout. It ends when stdin does, so it never outlives its parent, however that dies. It imports
nothing of forebay: `embedded.py` starts this very file, and a user waits for every millisecond.
"""

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any, NoReturn, TextIO

KEY_VARIABLE = "FOREBAY_EMBEDDED_KEY"


def main() -> NoReturn:
    """Serve until stdin ends or SIGTERM comes; exit 1 after reporting why serving is impossible."""
    _close_strange_files()
    options: dict[str, Any] = json.loads(sys.stdin.readline())
    key = os.environ.pop(KEY_VARIABLE)
    wire = _take_stdout()
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    try:
        server = _serve(options, key)
    except ImportError as error:
        _fail(wire, code="engine_not_installed", message=_import_message(error))
    except FileNotFoundError as error:
        _fail(wire, code="model_file_missing", message=str(error))
    except Exception as error:  # the edge of this process: the parent must hear of everything
        _fail(wire, code="engine_start_failed", message=f"llama.cpp did not start: {error}")
    # Deleting the server while a stream is open hangs for as long as the stream: leave without it.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    _silence()
    _say(wire, {"address": server.listening_address})
    while True:
        signal.pause()


def _serve(options: dict[str, Any], key: str) -> Any:
    path: str = options["model_path"]
    if not os.path.isfile(path):  # llama.cpp's own error names no file
        raise FileNotFoundError(f"model file {path} does not exist")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {options["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.n_parallel = options["slots"]
    params.n_ctx = options["slots"] * options["slot_context_tokens"]
    # A unified cache that overflows fails every running request, not only the one too many.
    params.kv_unified = False
    if options["makes_embeddings"]:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        # Every token of an input looks at all others, so an input is read in one step.
        params.n_batch = params.n_ubatch = options["slot_context_tokens"]
    else:
        # A disconnect during prefill is noticed between two of these.
        params.n_batch = params.n_ubatch = 256
    # The default keeps up to 8 GiB of old prompts in memory.
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = options["threads"]
    params.cpuparams_batch.n_threads = options["batch_threads"]
    # It would load the model a second time to size what is fixed above.
    params.fit_params = False
    # Errors only.
    params.verbosity = 1
    return xllamacpp.Server(params)


def _close_strange_files() -> None:
    """Close what the parent let slip: uvloop passes on listening sockets and copies of our pipes.

    A copy would keep a pipe open that we close, and the parent waits for that.
    """
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the listing's own, closed by now
                os.close(int(name))


def _take_stdout() -> TextIO:
    """Keep stdout for our one line; what the C++ side prints there goes to stderr."""
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return wire


def _silence() -> None:
    """Drop llama.cpp's log: from now on it could quote a prompt. Until now the parent keeps it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


def _end_with_parent() -> NoReturn:
    sys.stdin.read()
    os._exit(0)


def _import_message(error: ImportError) -> str:
    if "libgomp" in str(error):
        return (
            "llama.cpp needs the system library libgomp.so.1, which is not installed here; "
            "on Debian and Ubuntu: apt install libgomp1"
        )
    return f"the package xllamacpp cannot be imported ({error}); pip install xllamacpp"


def _fail(wire: TextIO, *, code: str, message: str) -> NoReturn:
    _say(wire, {"error": {"code": code, "message": message}})
    os._exit(1)


def _say(wire: TextIO, message: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # the parent is gone, and so are we in a moment
        print(json.dumps(message), file=wire, flush=True)


if __name__ == "__main__":
    main()
