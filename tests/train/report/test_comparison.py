import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgkern.train.files.run_folder import RunFolder
from pgkern.train.logs.metrics import MetricsLog
from pgkern.train.report import write_comparison
from pgkern.train.report.several_runs import flat, read_runs, unique_names

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(
        name: str, *, warmup: int = 10, steps: int = 20, last: float = 0.75, config: str = "", **more: Any
    ) -> RunFolder:
        folder = RunFolder.create(tmp_path / name)
        folder.config.write_text(config)
        with MetricsLog(folder.metrics) as metrics:
            for step in range(1, warmup + 1):
                metrics.log(step, "warmup", {"loss": 1.0, **({"validation_reward": 0.125} if step == warmup else {})})
            for step in range(1, steps + 1):
                row = {"train_reward": last * step / steps, "seconds": 2.0, "seconds_generate": 1.0, **more}
                if step % 10 == 0:
                    row["validation_reward"] = last * step / steps
                metrics.log(warmup + step, "policy_gradient", row)
        return folder

    return make


def words(path: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", path.read_text().split("</style>")[1]))


def test_the_table_tells_rewards_and_differing_settings(make_run: MakeRun, tmp_path: Path) -> None:
    config = '[run]\nsteps = {}\nfolder = "{}"\n[advantages]\nbaseline = "none"\n'
    first = make_run("short", steps=10, last=0.5, config=config.format(10, "short"))
    second = make_run("long", warmup=0, steps=40, config=config.format(40, "long"), entropy=0.5)
    write_comparison([first, second], tmp_path / "page.html")
    text = words(tmp_path / "page.html")
    assert "short run.steps 10 10 0.125 0.500 0.500 at 10 0.275 – 20.0 s –" in text
    # the first validation of a run without warm-up is at step 10
    assert "long run.steps 40 40 0.188 0.750 0.750 at 40 0.666 – 1 min 20 s –" in text
    assert "baseline" not in text.split("Validation reward")[0]  # no difference
    assert "run.folder" not in text
    assert "Entropy" in text  # one of them has it


def test_steps_are_counted_from_the_end_of_the_warmup(make_run: MakeRun) -> None:
    runs = read_runs([make_run("a", warmup=5), make_run("b", warmup=100)])
    for run in runs:
        assert run.curves["train_reward"].steps.tolist() == list(range(1, 21))
        assert run.validation.steps.tolist() == [0, 10, 20]
        assert run.validation.values.tolist() == [0.125, 0.375, 0.75]


def test_runs_that_differ_in_the_seed_share_a_colour(make_run: MakeRun) -> None:
    runs = [
        make_run(f"{baseline}-{seed}", config=f'run.seed = {seed}\nadvantages.baseline = "{baseline}"\n')
        for baseline in ("none", "group_mean")
        for seed in (0, 1)
    ]
    assert [run.style for run in read_runs(runs)] == ["s1 d1", "s1 d2", "s2 d1", "s2 d2"]
    assert [run.style for run in read_runs(runs[::2])] == ["s1 d1", "s2 d1"]
    assert [run.style for run in read_runs(runs[:2])] == ["s1 d1", "s2 d1"]  # seeds alone have a colour each


def test_names_that_clash_are_told_apart(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("x/run"), make_run("y/run"), make_run("z")]
    assert [run.name for run in read_runs(runs)] == ["x/run", "y/run", "z"]
    assert unique_names([Path("/a/b/c"), Path("/x/b/c"), Path("/x/c")]) == ["a/b/c", "x/b/c", "x/c"]


def test_settings_in_words() -> None:
    table = {"a": {"b": 1, "c": [1, 2]}, "rewards": [{"weight": 0.5}, {"weight": 1.0, "on": True}], "none": []}
    assert flat(table) == {
        "a.b": "1",
        "a.c": "[1, 2]",
        "rewards.1.weight": "0.5",
        "rewards.2.weight": "1.0",
        "rewards.2.on": "true",
        "none": "[]",
    }


def test_hostile_names_and_settings(make_run: MakeRun, tmp_path: Path) -> None:
    hostile = "<script>alert(1)<!--"
    runs = [
        make_run(hostile, config=f"run.folder = '{hostile}'\nrun.x = '{hostile}'"),
        make_run("b", config=f"'{hostile}' = 1"),
    ]
    write_comparison(runs, tmp_path / "page.html")
    source = (tmp_path / "page.html").read_text()
    assert source.count("<script>") == 1
    assert "<!--" not in source
    assert source.count("&lt;script&gt;") > 4


def test_runs_with_nothing_in_common(make_run: MakeRun, tmp_path: Path) -> None:
    empty, other = make_run("empty", warmup=0, steps=0), make_run("other")
    other.config.unlink()
    write_comparison([empty, other], tmp_path / "page.html")
    assert "nowhere" in words(tmp_path / "page.html")


def test_what_cannot_be_compared(make_run: MakeRun, tmp_path: Path) -> None:
    run, other = make_run("run"), make_run("other")
    (tmp_path / "again").symlink_to(run.path)
    with pytest.raises(ValueError, match="a comparison needs at least two runs, got 1"):
        read_runs([run])
    with pytest.raises(ValueError, match=r"again is given twice \(also as .*run\)"):
        read_runs([run, other, RunFolder(tmp_path / "again")])
    with pytest.raises(ValueError, match=r"nothing is no run folder: there is no metrics\.jsonl in it"):
        read_runs([run, RunFolder(tmp_path / "nothing")])
    other.config.write_text("[run")
    with pytest.raises(ValueError, match=r"config\.toml:1: not valid TOML"):
        read_runs([run, other])
    other.config.unlink()
    other.metrics.write_text('{"step": 1}\nx\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl:2: not a JSON object"):
        read_runs([run, other])
