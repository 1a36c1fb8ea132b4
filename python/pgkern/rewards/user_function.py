"""Where a function that somebody wrote is found again by another process."""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def described(function: str | Callable[..., Any]) -> dict[str, Any]:
    """What a worker needs to find `function`: by the module's name or file and its own name, or pickled.

    Raises:
        ValueError: for a text that is not `file.py:function` or `module:function`, a file that is not there, or a
            function that no other process can find: a lambda, or one that is defined within another.
    """
    if isinstance(function, str):
        place, colon, name = function.rpartition(":")
        if not colon or not place or not name:
            raise ValueError(f"reward is {function!r}: it must be 'path/to/file.py:function' or 'module:function'")
        if not place.endswith(".py"):
            return {"module": place, "file": None, "name": name}
        if not Path(place).is_file():
            raise ValueError(f"reward is {function!r}: there is no file {Path(place).resolve()}")
        return {"module": None, "file": str(Path(place).resolve()), "name": name}
    if not callable(function):
        raise ValueError(f"reward must be a function or 'path/to/file.py:function', got {type(function).__name__}")
    try:
        pickled = pickle.dumps(function)
    except Exception as error:  # whatever the object's own way of being pickled raises
        raise ValueError(
            f"{function!r} cannot be sent to a worker process ({error}): "
            "write it as a function at the top of a file and name it 'path/to/file.py:function'"
        ) from error
    # A module that was loaded by its path cannot be imported by its name, so its file goes along.
    name = _module_of(function)
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if name == "__main__" and file is None:
        raise ValueError(f"{function!r} is in no file: write it in one and name it 'path/to/file.py:function'")
    spec = getattr(module, "__spec__", None)  # of a main program only where it was started by `python -m`
    return {
        "module": name,
        "file": file and os.path.abspath(file),
        "main": spec.name if name == "__main__" and spec is not None else None,
        "pickled": pickled,
    }


def _module_of(function: Any) -> str:  # noqa: ANN401
    """The module of a function, of what a `functools.partial` wraps, or of an object's class."""
    while hasattr(function, "func"):
        function = function.func
    return str(getattr(function, "__module__", None) or type(function).__module__)
