"""Pictures of records: everything that needs matplotlib, and nothing that measures.

One file for every bench, named after it, with a function `draw` from the record's content and path to the pictures
that it wrote beside it.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


def draw(path: Path) -> Sequence[Path]:
    """Draw what there is to draw of the record at `path`, beside it."""
    record = json.loads(path.read_text(encoding="utf-8"))
    pictures: Sequence[Path] = import_module(f"{__name__}.{record['name']}").draw(record, path)
    return pictures


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_if_possible(path: Path) -> None:
    """The same, or a line that says how to do it later."""
    if can_draw():
        print("drawn:", ", ".join(picture.name for picture in draw(path)))
    else:
        print(f"no picture, as matplotlib is not installed; where it is: python -m benches draw {path}")
