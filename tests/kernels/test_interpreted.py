"""Runs the files of `tests/kernels/interpreted/` in processes of their own, as many at once as there are cores."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("triton")

FILES = sorted((Path(__file__).parent / "interpreted").glob("test_*.py"))


def test_kernels_in_the_interpreter() -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(run_interpreted, FILES))
    assert len(runs) == len(FILES) > 0
    for found in runs:
        assert found.returncode == 0, found.stdout[-20000:] + found.stderr[-4000:]
        assert " passed" in found.stdout, found.stdout
        assert "skipped" not in found.stdout, found.stdout


def run_interpreted(file: Path) -> "subprocess.CompletedProcess[str]":
    """The tests of one file; see their conftest."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
