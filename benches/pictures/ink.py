"""What all pictures share: colours of text and grid, what is said beneath a title, how a picture is saved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..environment import device_label

INK, MUTED, GRID = "#1f2328", "#656d76", "#e6e8eb"


def subtitle(record: Mapping[str, Any]) -> str:
    """Device, torch, date, and the commit or, where there was no git, what identifies the code."""
    if record.get("commit"):
        code = f"commit {record['commit'][:8]}{' + changes' if record.get('dirty') else ''}"
    else:
        code = f"code {record.get('code')}"
    return f"{device_label(record['device'])}, torch {record['versions']['torch']}, {record['date'][:10]}, {code}"


def save(figure: Figure, path: Path) -> None:
    """As a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")
