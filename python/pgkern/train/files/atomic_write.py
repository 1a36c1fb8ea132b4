"""Files and folders that appear under their final name complete or not at all, whenever the process is killed.

A folder is written as ``.NAME.new``, synced to disk, and then takes the place of the old one by two renames:
NAME → ``.NAME.old``, ``.NAME.new`` → NAME. Killed between the two, NAME is absent and both others are complete;
`recover_directory` finishes the exchange. There is one writer at a time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .storage_error import writing


def write_file_atomically(path: Path, content: bytes) -> None:
    """Write a file that is seen with its old content or its new one, never with a part of it.

    Raises `StorageError`, and then the old content stays.
    """
    temporary = path.with_name(f".{path.name}.new")  # one that a kill has left is written over
    with writing("the new content", path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):  # the error that is on its way tells more
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def atomic_directory(final: Path) -> Iterator[Path]:
    """Give an empty folder to write into; when the block ends it becomes ``final``, replacing the one there.

        with atomic_directory(run_folder.checkpoint) as folder:
            torch.save(model.state_dict(), folder / "model.pt")

    When the block raises, ``final`` stays as it was. Call `recover_directory` before reading ``final`` in a new
    process.
    """
    recover_directory(final)
    new, old = _beside(final)
    new.mkdir(parents=True)
    try:
        yield new
        _sync_tree(new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)  # the error that is on its way tells more
        raise
    if final.exists():
        os.rename(final, old)
    os.rename(new, final)
    _sync_directory(final.parent)
    if old.exists():
        shutil.rmtree(old)


def link_atomically(link: Path, target: str) -> None:
    """Make a symbolic link, or turn the one that is there; whoever follows it finds its old target or its new one."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def remove_directory_atomically(folder: Path) -> None:
    """Remove a folder that is seen whole or not at all; killed on the way, `.NAME.gone` is left (`finish_removals`)."""
    gone = folder.with_name(f".{folder.name}.gone")
    if gone.exists():
        shutil.rmtree(gone)
    os.rename(folder, gone)
    shutil.rmtree(gone)


def finish_removals(parent: Path) -> None:
    """Remove what `remove_directory_atomically` had begun to remove in this folder when it was killed."""
    for gone in parent.glob(".*.gone"):
        shutil.rmtree(gone)


def recover_directory(final: Path) -> bool:
    """Finish or undo a write of `atomic_directory` that was cut short; return whether ``final`` exists."""
    new, old = _beside(final)
    if not final.exists() and old.exists():
        # The old folder is renamed only after the new one is complete and synced, so the new one counts.
        os.rename(new if new.exists() else old, final)
        _sync_directory(final.parent)
    for leftover in (new, old):
        if leftover.exists():
            shutil.rmtree(leftover)
    return final.exists()


def _beside(final: Path) -> tuple[Path, Path]:
    return final.with_name(f".{final.name}.new"), final.with_name(f".{final.name}.old")


def _sync_tree(folder: Path) -> None:
    for directory, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                os.fsync(file.fileno())
        _sync_directory(Path(directory))


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
