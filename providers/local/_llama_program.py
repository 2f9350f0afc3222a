"""The program of the process that runs llama.cpp's server for `LocalProvider`. Run as a file, never imported.

It needs nothing but Python and xllamacpp, so that it starts in 30 ms. One line of JSON comes on its standard input, the
settings; one line goes to its standard output, the server's address. Then it serves until its standard input ends: that
happens when its owner closes it, and also when its owner dies. What llama.cpp has to say goes to standard error.
"""

import json
import os
import signal
import sys
import time
import traceback
from importlib import import_module
from typing import Any, Final

_LOGGING_S: Final = 0.1


def _serve(settings: dict[str, Any]) -> None:
    # What llama.cpp prints must not be taken for the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # As in the owner, where it may have been found in a way that this process does not know of.
    sys.path.append(settings["import_from"])
    # Imported as a name without types: it has none.
    xllamacpp: Any = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = settings["model_path"]
    params.api_keys = [settings["key"]]
    params.n_parallel = settings["parallel"]
    params.n_ctx = settings["context_tokens"] * settings["parallel"]
    # Between two batches the server looks at cancellations and at its other streams.
    params.n_batch = params.n_ubatch = settings["batch_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    # llama.cpp's own default bound for kept prompts is 8 GiB.
    params.cache_ram_mib = 256
    params.ui = False
    # It runs the model once for nothing; the first request does that too.
    params.warmup = False
    # Errors only.
    params.verbosity = 1
    server = xllamacpp.Server(params)
    with answer:
        answer.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdin.buffer.read()


def _main() -> None:
    # Ctrl-C is for the owner to act upon.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _serve(json.loads(sys.stdin.buffer.readline()))
    except Exception as error:  # noqa: BLE001 - the process ends and says why
        # llama.cpp writes what it has to say from a thread, and does not say when it has.
        time.sleep(_LOGGING_S)
        sys.stderr.writelines(traceback.format_exception_only(error))
        sys.stderr.flush()
        os._exit(1)
    # An orderly end would wait for the server's threads, and they for requests under way.
    os._exit(0)


if __name__ == "__main__":
    _main()
