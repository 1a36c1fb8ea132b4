"""Where a run may write: in folders that exist, over nothing that it reads, over nothing else unless it is told to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["check_written_files"]


def check_written_files(read: Sequence[Path], written: Mapping[str, Path], *, may_replace: bool) -> None:
    """Refuse a file to write (its name in messages, and its path) before any work is done for it.

    Raises `ValueError` for a file that is also read or written twice, under another name or through a link; for a
    missing folder; for what is there and is no ordinary file; and, unless they may be replaced, for files that exist.
    """
    taken = [("the file that is read", path) for path in read]
    for name, path in written.items():
        said = f"{name} {str(path)!r}"
        for what, other in taken:
            if _is_same(path, other):
                raise ValueError(f"{said} is {what}" + ("" if other == path else f", {str(other)!r}"))
        taken.append((f"the {name} as well", path))
        if not path.parent.is_dir():
            raise ValueError(f"{said}: there is no folder {str(path.parent)!r}")
        if path.exists() and not path.is_file():
            raise ValueError(f"{said} is there and is no ordinary file")
        if path.exists() and not may_replace:
            raise ValueError(f"{said} exists: overwrite replaces what an earlier run wrote, resume continues it")


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist yet
        return path.resolve() == other.resolve()
