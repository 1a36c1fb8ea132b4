"""The picture of the demo's record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .ink import subtitle
from .reward_curves import write_reward_curves


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Reward curves of every seed."""
    rows = record["rows"]
    picture = path.with_suffix(".png")
    title = f"Validation reward of {len(rows)} runs of `pgkern train`"
    write_reward_curves(picture, title, f"{subtitle(record)}; {record['notes'][0]}", rows)
    return [picture]
