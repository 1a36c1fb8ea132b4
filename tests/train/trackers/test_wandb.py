"""The real package, in a process of its own: it starts others, and asks questions where there is a terminal."""

import os
import pty
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("wandb") is None, reason="the package wandb is not installed")

PROGRAM = """
import sys
from pathlib import Path
from pgkern.train.config import TrainConfig, WatchConfig
from pgkern.train.files.run_folder import RunFolder
from pgkern.train.trackers import open_trackers

mode, folder, first, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
config = TrainConfig(watch=WatchConfig(wandb_project="addition", wandb_mode=mode))
with open_trackers(config, RunFolder(folder), resume_after=None, on_failure=sys.exit) as trackers:
    for step in range(first, last + 1):
        trackers.log(step, "policy_gradient", {"train_reward": step / 1024, "loss": None})
"""


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """With a terminal for input and output, a home without credentials, and no server but the one named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    home = {"HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc"), "WANDB_BASE_URL": "http://127.0.0.1:9"}
    ours, theirs = pty.openpty()
    try:
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            env={**kept, **home, **environment},
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_offline_needs_no_network_and_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for first, last in ((1, 2), (3, 4)):
        done = run(tmp_path, "offline", str(folder), str(first), str(last))
        assert (done.returncode, done.stderr) == (0, "")
        time.sleep(1.1)  # W&B names its folders by the second
    run_id = (folder / "wandb_run_id").read_text()
    parts = sorted(folder.glob(f"wandb/offline-run-*-{run_id}/run-{run_id}.wandb"))
    assert len(parts) == 2
    for part, (here, elsewhere) in zip(parts, [((1, 2), (3, 4)), ((3, 4), (1, 2))], strict=True):
        content = part.read_bytes()
        assert b"policy_gradient/train_reward" in content
        assert all(str(step / 1024).encode() in content for step in here)
        assert not any(str(step / 1024).encode() in content for step in elsewhere)


def test_nobody_is_asked_to_log_in(tmp_path: Path) -> None:
    done = run(tmp_path, "online", str(tmp_path), "1", "1")
    assert done.returncode == 1
    assert "ValueError: watch.wandb_project: nobody is logged in to Weights & Biases; run `wandb login`" in done.stderr


def test_a_server_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    done = run(tmp_path, "online", str(tmp_path), "1", "1", WANDB_API_KEY="0" * 40)
    assert done.returncode == 1
    assert "ValueError: watch.wandb_project: Weights & Biases cannot be reached" in done.stderr
