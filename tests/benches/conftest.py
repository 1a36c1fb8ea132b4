import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest
from benches.__main__ import main


@pytest.fixture
def run_quick(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a bench in its quick form, look at its picture, return its record."""

    def run(name: str, *options: str) -> dict[str, Any]:
        assert main([name, "--quick", "--results", str(tmp_path), *options]) == 0
        path = tmp_path / f"cpu-{name.replace('_', '-')}-quick.json"
        image = matplotlib.image.imread(path.with_suffix(".png"))
        assert min(image.shape[:2]) > 150
        assert image[:, :, :3].min() < 0.5  # something is drawn
        record: dict[str, Any] = json.loads(path.read_text())
        assert record["quick"] is True
        assert {"name", "date", "device", "versions", "commit", "dirty", "command", "notes", "goals"} <= record.keys()
        return record

    return run
