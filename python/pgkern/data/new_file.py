"""A file that appears when it is complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Where to write what becomes `path` at the end of the block; of a block that fails nothing stays."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
