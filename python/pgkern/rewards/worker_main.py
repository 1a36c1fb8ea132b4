"""What runs in a worker process: reads a sample, calls the function that somebody wrote, answers with a number.

Started as a script with the numbers of its two sockets and of its parent. It needs nothing but the standard library, so
it starts quickly. What it says to its parent is JSON, never pickled: the function may have run what a model wrote.
"""

import contextlib
import importlib
import importlib.util
import json
import math
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
from typing import Any

LOADING = "PGKERN_LOADS_A_REWARD"
"""Set in the environment while a worker loads the function's file, which must not start workers of its own then."""

_LENGTH = struct.Struct("<Q")
# Past the limit by this much, the kernel ends the worker, should its parent no longer be there to do it.
_GRACE_SECONDS = 2.0


def main() -> None:
    """Serve until the parent closes the socket, or is gone."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    end_when_closed(int(sys.argv[2]))
    threading.Thread(target=end_with, args=(int(sys.argv[3]),), daemon=True).start()
    # Where memory runs out, the system is to end this process and not the one that trains.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")
    # What the function prints must not end up among the answers, nor may it wait for somebody to type.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    del sys.argv[1:]
    setup = pickle.loads(_receive(channel))
    sys.path[:] = setup["path"]
    os.environ[LOADING] = "1"
    try:
        function = _find(setup)
    except BaseException as error:
        _send(channel, {"failure": _said(error)})
        return
    del os.environ[LOADING]
    if setup["memory"] is not None:
        _limit_memory(setup["memory"])
    _send(channel, {"ready": True})
    while True:
        request = _receive(channel)
        _send(channel, _answer(function, request, setup["seconds"]))


def _answer(function: Any, request: bytes, seconds: float) -> dict[str, Any]:  # noqa: ANN401
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
    try:
        completion, gold, columns = pickle.loads(request)
        return _number(function(completion, gold, **columns))
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the function's own here
        return {"kind": "raised", "reason": f"raised {_said(error)}"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _number(value: Any) -> dict[str, Any]:  # noqa: ANN401
    told: dict[str, Any] = {}
    if hasattr(value, "reward"):  # a pgkern Reward
        told = _details(value)
        value = value.reward
    if value is None:
        return _bad("returned None")
    if isinstance(value, (str, bytes, dict)):
        return _bad(f"returned {type(value).__name__}, expected a number")
    with contextlib.suppress(TypeError):  # what has no length, as an array of no dimensions
        if len(value) != 1:
            return _bad(f"returned {len(value)} values, expected 1")
        (value,) = value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return _bad(f"returned {type(value).__name__}, expected a finite number")
    return {"value": number, **told} if math.isfinite(number) else _bad(f"returned {number}")


def _details(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a `Reward` says besides its number; nothing where it is only something with a reward."""
    try:
        form, answer = float(value.format_reward), float(value.answer_reward)
        if math.isfinite(form) and math.isfinite(answer):
            said = str(value.reason)[:300]
            return {"form": form, "answer": answer, "verdict": str(value.verdict.name), "said": said}
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    return {}


def _bad(reason: str) -> dict[str, Any]:
    return {"kind": "bad value", "reason": reason}


def _said(error: BaseException) -> str:
    try:
        message = str(error)
    except BaseException:
        message = ""
    return f"{type(error).__name__}: {message[:300]}" if message else type(error).__name__


def _find(setup: dict[str, Any]) -> Any:  # noqa: ANN401
    name, file = setup["module"], setup["file"]
    if name is None:
        module = _load("pgkern_user_reward", file)
    elif name == "__main__":
        # As Python's own worker processes do: the script is there, but not as the main program.
        package = setup["main"]
        module = importlib.import_module(package) if package else _load("__mp_main__", file)
        sys.modules["__main__"] = module
    else:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            if file is None:
                raise
            module = _load(name, file)
    if "pickled" in setup:
        return pickle.loads(setup["pickled"])
    found: Any = module
    for part in setup["name"].split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{setup['name']} is a {type(found).__name__}, not a function")
    return found


def _load(name: str, file: str) -> Any:  # noqa: ANN401
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, os.path.dirname(file))
    spec.loader.exec_module(module)
    return module


def _limit_memory(size: int) -> None:
    """No more address space than there is now and `size` bytes; the function cannot take this back."""
    import resource  # not there on Windows, where this file is imported, too

    taken = 0
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    limit = taken + size
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def end_when_closed(lifeline: int) -> None:
    """Have the kernel end this process and all it started when the other end of a socket is closed, as by a death.

    It asks nobody: the function may hold the interpreter's lock. Where the kernel is not Linux, `end_with` is all
    there is.
    """
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl  # not there on Windows, and the first constant is Linux's

        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def end_with(parent: int) -> None:
    """End this process and all it started when the parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.25)
    os.killpg(0, signal.SIGKILL)


def _receive(channel: socket.socket) -> bytes:
    (size,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    return _exactly(channel, size)


def _exactly(channel: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        piece = channel.recv(min(size - len(received), 1 << 20))
        if not piece:
            sys.exit(0)  # the parent has closed
        received += piece
    return bytes(received)


def _send(channel: socket.socket, answer: dict[str, Any]) -> None:
    message = json.dumps(answer).encode()
    channel.sendall(_LENGTH.pack(len(message)) + message)


if __name__ == "__main__":
    main()
