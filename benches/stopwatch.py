"""Where the time of running code goes, by functions named beforehand: each second belongs to the innermost of them."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from typing import Any
from unittest.mock import patch


class Stopwatch:
    """Seconds by name, of one thread; time inside a named function does not count for the named one around it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._thread = threading.get_ident()
        self._names: list[str] = []
        self._since = 0.0

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Count for this name until the block ends; in another thread, nothing."""
        if threading.get_ident() != self._thread:
            yield
            return
        self._turn()
        self._names.append(name)
        try:
            yield
        finally:
            self._turn()
            self._names.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._names:
            self.seconds[self._names[-1]] += now - self._since
        self._since = now

    @contextmanager
    def watching(self, functions: Mapping[str, str]) -> Iterator[None]:
        """Time functions wherever they are called, by `{"package.module:Class.method": name}`.

        Raises `AttributeError` for one that does not exist, so that no measurement goes on without it.
        """
        with ExitStack() as stack:
            for place, name in functions.items():
                module, _, path = place.partition(":")
                owner: Any = import_module(module)
                *classes, attribute = path.split(".")
                for part in classes:
                    owner = getattr(owner, part)
                stack.enter_context(patch.object(owner, attribute, self._timed(getattr(owner, attribute), name)))
            yield

    def _timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.timing(name):
                return function(*arguments, **options)

        return timed
