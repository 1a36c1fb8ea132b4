"""What is said when something of a run cannot be written: what, where, why, and how much room there is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StorageError(OSError):
    """Something of a run could not be written. What was there before is untouched."""


@contextmanager
def writing(what: str, where: Path) -> Iterator[None]:
    """Tell an `OSError` of the block as a `StorageError`, also one that a library has wrapped.

    "the report could not be written to run/report.html: No space left on device (0.2 of 50.0 MB free)"
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise StorageError(f"{what} could not be written to {where}: {reason}{_room(where)}") from error


def _reason(error: BaseException | None) -> str | None:
    """What the operating system said; None where it was not the operating system that failed."""
    while error is not None:
        if isinstance(error, OSError):
            return error.strerror or str(error)
        if number := re.search(r"\(os error (\d+)\)", str(error)):  # safetensors is written in Rust
            return os.strerror(int(number[1]))
        error = error.__cause__ or error.__context__  # torch.save raises a RuntimeError while it handles the OSError
    return None


def _room(where: Path) -> str:
    """How full the disk is, as far as it can be asked."""
    for folder in (where, *where.parents):
        try:
            usage, flags = shutil.disk_usage(folder), os.statvfs(folder).f_flag
        except OSError:
            continue
        read_only = ", mounted read-only" if flags & os.ST_RDONLY else ""
        return f" ({usage.free / 1e6:,.1f} of {usage.total / 1e6:,.1f} MB free{read_only})"
    return ""
