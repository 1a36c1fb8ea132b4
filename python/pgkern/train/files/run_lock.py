"""One process a run folder: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..config_file import ConfigError
from .storage_error import writing

NAME = "run.lock"


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock while the block runs.

    Raises ConfigError, with the process that holds it, where the folder is in use. The file stays when the lock goes:
    to remove it would let two processes hold locks on two files of one name.
    """
    path = folder / NAME
    with writing("the lock", path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "another process"
            raise ConfigError(f"{folder} is in use by {holder}; wait for it or stop it first") from None
        with writing("the lock", path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also where a child that was forked has the descriptor too
    finally:
        os.close(descriptor)
