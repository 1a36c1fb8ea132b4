import json
import os
import platform
import re
from pathlib import Path

import pytest

from pgkern.train.config_file import ConfigError
from pgkern.train.files.run_folder import RunFolder
from pgkern.train.saving.checkpoints import Checkpoints


def test_names() -> None:
    folder = RunFolder(Path("run"))
    names = ["config", "versions", "metrics", "rollouts", "checkpoints", "checkpoint", "reward_figure", "report"]
    assert [getattr(folder, name).name for name in names] == [
        "config.toml",
        "versions.json",
        "metrics.jsonl",
        "rollouts.jsonl",
        "checkpoints",
        "checkpoint",
        "reward.png",
        "report.html",
    ]
    assert not folder.path.exists()


def test_create_makes_parents_and_records_versions(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a" / "b")
    assert sorted(path.name for path in folder.path.iterdir()) == ["checkpoint", "versions.json"]
    assert os.readlink(folder.checkpoint) == "checkpoints/latest"
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


def test_a_folder_that_was_left_before_its_run_began_is_free(tmp_path: Path) -> None:
    RunFolder.create(tmp_path)
    (tmp_path / "run.lock").touch()
    (tmp_path / ".config.toml.new").write_text("[run")
    assert RunFolder.create(tmp_path).path == tmp_path
    RunFolder(tmp_path).config.touch()
    with pytest.raises(ConfigError, match="already exists"):
        RunFolder.create(tmp_path)


def test_resume_leads_to_the_last_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    folder.config.touch()
    checkpoints = Checkpoints(folder.checkpoints, keep=2)
    for step in (1, 2):
        checkpoints.save(step, lambda new: (new / "model").write_text(f"weights {step}"), reward=None)  # noqa: B023
    assert (RunFolder.resume(folder.path).checkpoint / "model").read_text() == "weights 2"


def test_resume_refuses_where_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent does not exist"):
        RunFolder.resume(tmp_path / "absent")
    RunFolder.create(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"run holds no run: there is no config\.toml in it"):
        RunFolder.resume(tmp_path / "run")


def test_resume_refuses_the_layout_of_an_older_release(tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(ConfigError, match="checkpoint was written by an older release of pgkern; start a new run"):
        RunFolder.resume(tmp_path)
