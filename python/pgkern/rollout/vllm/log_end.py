"""The last lines that a process printed, for a message."""

import os
from pathlib import Path

_BYTES = 1 << 16


def log_end(log: Path, lines: int = 20) -> str:
    """The end of a log, with its path."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _BYTES))
            last = file.read().decode(errors="replace").splitlines()[-lines:]
    except OSError as error:
        last = [f"(it cannot be read: {error})"]
    return "\n".join([f"The end of its log, {log}:", *last])
