"""Runs `tests/kernels/interpreted/` in a process of its own; see its conftest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")


def test_kernels_in_the_interpreter() -> None:
    folder = Path(__file__).parent / "interpreted"
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-20000:] + found.stderr[-4000:]
    assert " passed" in found.stdout, found.stdout
    assert "skipped" not in found.stdout, found.stdout
