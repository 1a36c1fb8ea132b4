"""What a folder holds: the size and SHA-256 of every file, kept in the folder itself as ``manifest.json``.

A disk that lies, a copy that stopped half-way or a hand that edits a weight is seen when the folder is read, not in the
rewards a day later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

NAME = "manifest.json"
_HASHED_AT_ONCE = 1 << 20  # bytes


class DamagedError(ValueError):
    """A folder that is not what its manifest says; the message names the file and the difference."""


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write the manifest of all files in the folder, with facts about it that JSON can hold."""
    files = {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME
    }
    content: dict[str, Any] = {"facts": facts, "files": files}
    content["sha256"] = _sha256_of(content)
    (folder / NAME).write_text(json.dumps(content, indent=1) + "\n")


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts alone, without a look at the other files. Raises `DamagedError` when the manifest is not whole."""
    facts: dict[str, Any] = _read(folder)["facts"]
    return facts


def check_files(folder: Path, *, apart_from: Collection[str] = ()) -> None:
    """Read every file again. Raises `DamagedError` for the first that is missing, cut short or changed.

    A file that the manifest does not name is nobody's business.
    """
    for name, expected in _read(folder)["files"].items():
        if name in apart_from:
            continue
        path = folder / name
        if not path.is_file():
            raise DamagedError(f"{name} is missing")
        size = path.stat().st_size
        if size != expected["size"]:
            raise DamagedError(f"{name} has {size} bytes instead of {expected['size']}")
        if _sha256(path) != expected["sha256"]:
            raise DamagedError(f"{name} has other content than when it was written")


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / NAME).read_bytes())
        written = content.pop("sha256")
    except FileNotFoundError:
        raise DamagedError(f"{NAME} is missing") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DamagedError(f"{NAME} cannot be read: {error}") from error
    if _sha256_of(content) != written:
        raise DamagedError(f"{NAME} has other content than when it was written")
    manifest: dict[str, Any] = content
    return manifest


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def _sha256_of(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
