"""Imports the trainer once and forks a process for each run that is asked for: the imports alone cost seconds.

Each child calls the command line as `python -m pgkern` does. Requests and answers are lines of JSON:

    {"arguments": […], "output": file}  ->  process id     with "max_file_bytes" or "user" for what the child may do
    {"poll": process id}                ->  null while it runs, then its exit code (negative: the signal)
"""

import json
import os
import resource
import signal
import sys
import traceback
from typing import Any, NoReturn

import matplotlib.figure  # noqa: F401 - the report's
import transformers  # noqa: F401

import pgkern.train.loop
from pgkern.cli import main


def child(request: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if "max_file_bytes" in request:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["max_file_bytes"], resource.RLIM_INFINITY))
        if "user" in request:
            os.setuid(request["user"])
        code = main(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def answer(request: dict[str, Any]) -> int | None:
    if "poll" in request:
        process, status = os.waitpid(request["poll"], os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if process else None
    process = os.fork()
    if process == 0:
        child(request)
    return process


print(json.dumps(pgkern.train.loop.__file__), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
