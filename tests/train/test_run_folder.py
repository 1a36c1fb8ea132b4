import json
import platform
import re
from pathlib import Path

import pytest

from pgkern.train.atomic_write import atomic_directory
from pgkern.train.config_file import ConfigError
from pgkern.train.run_folder import RunFolder


def test_names() -> None:
    folder = RunFolder(Path("run"))
    names = ["config", "versions", "metrics", "rollouts", "checkpoint", "reward_figure", "report"]
    assert [getattr(folder, name).name for name in names] == [
        "config.toml",
        "versions.json",
        "metrics.jsonl",
        "rollouts.jsonl",
        "checkpoint",
        "reward.png",
        "report.html",
    ]
    assert not folder.path.exists()


def test_create_makes_parents_and_records_versions(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a" / "b")
    assert [path.name for path in folder.path.iterdir()] == ["versions.json"]
    assert json.loads(folder.versions.read_bytes())["python"] == platform.python_version()


def test_create_takes_an_empty_folder(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path).path == tmp_path


def test_create_refuses_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    expected = f"{tmp_path} already exists; pass --resume to go on from its last checkpoint or choose another folder"
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        RunFolder.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_create_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(ConfigError, match="run is a file"):
        RunFolder.create(tmp_path / "run")


def test_resume_recovers_the_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    with atomic_directory(folder.checkpoint) as checkpoint:
        (checkpoint / "model").write_text("weights")
    folder.checkpoint.rename(folder.path / ".checkpoint.old")  # killed between the two renames
    assert (RunFolder.resume(folder.path).checkpoint / "model").read_text() == "weights"


def test_resume_refuses_where_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent does not exist"):
        RunFolder.resume(tmp_path / "absent")
    RunFolder.create(tmp_path / "run")
    with pytest.raises(ConfigError, match="run has no checkpoint to go on from"):
        RunFolder.resume(tmp_path / "run")
