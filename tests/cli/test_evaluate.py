"""`pgkern eval` on a real run of a tiny model, in this process."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgkern.cli import main
from pgkern.train.config import RewardConfig, TrainConfig, VllmConfig
from pgkern.train.config_file import load_config, to_toml
from pgkern.train.judging.rewards_in_loop import RewardJudge
from pgkern.train.tasks import load_task

SMALL = {
    "data": 'num_digits = 1\nnum_train = 60\nnum_validation = 12\nprompt = "question_only"',
    "model": "hidden_size = 32\nnum_layers = 1",
    "warmup": "steps = 60\nbatch_size = 16",
    "rollouts": "max_tokens = 16\nbatch_size = 64",
    "run": "steps = 0\ncpu_threads = 1",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("runs")
    (base / "config.toml").write_text("".join(f"[{table}]\n{lines}\n" for table, lines in SMALL.items()))
    assert main(["train", str(base / "config.toml"), "--folder", str(base / "run")]) == 0
    return base / "run"


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[dict[str, float], list[str]]:
    """What the table says, and the other lines."""
    capsys.readouterr()
    assert main(["eval", *map(str, arguments)]) == 0, capsys.readouterr().err
    out = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    rows = [re.fullmatch(r" *(\S+)  (\d\.\d{4})  (\d\.\d{4}) to (\d\.\d{4})", line) for line in out]
    table = {}
    for row in filter(None, rows):
        name, value, low, high = row.groups()
        assert 0 <= float(low) <= float(value) <= float(high) <= 1
        table[name] = float(value)
    return table, [line for line, row in zip(out, rows, strict=True) if row is None]


def test_the_held_out_problems_are_answered_greedily(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, lines = evaluated(capsys, folder)
    assert list(table) == ["greedy"]
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1] == f"validation reward: {metrics[-1]['validation_reward']:.4f} on 12 problems"
    assert lines[-1].split()[2] == f"{table['greedy']:.4f}"


def test_several_samples_give_pass_at_k_and_votes_and_are_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "answers.jsonl"
    table, lines = evaluated(capsys, folder, "--samples", 8, "--output", output, "--set", "data.num_validation=30")
    assert list(table) == ["greedy", "pass@1", "pass@2", "pass@4", "pass@8", "maj@4", "maj@8"]
    assert any(line.startswith("30 problems, 8 samples each at temperature 1; ") for line in lines)
    rows: list[dict[str, Any]] = [json.loads(line) for line in output.read_text().splitlines()]
    greedy, sampled = rows[:30], rows[30:]
    assert {row["temperature"] for row in greedy} == {0.0}
    assert [row["problem"] for row in greedy] == list(range(30))
    assert [row["problem"] for row in sampled] == [index for index in range(30) for _ in range(8)]
    assert all(row["right"] == (row["verdict"] == "correct") for row in rows)
    ended = [row["finish_reason"] == "stop" for row in sampled]
    assert sum(ended) > 0.5 * 240  # no text stops a boxed answer: the warm-up taught the end-of-text token
    right = [sum(row["right"] for row in sampled if row["problem"] == index) for index in range(30)]
    assert table["greedy"] == pytest.approx(sum(row["right"] for row in greedy) / 30, abs=1e-4)
    assert table["pass@1"] == pytest.approx(sum(right) / 240, abs=1e-4)
    assert table["pass@8"] == pytest.approx(sum(map(bool, right)) / 30, abs=1e-4)
    assert table["pass@1"] <= table["pass@2"] <= table["pass@4"] <= table["pass@8"]

    again, _ = evaluated(capsys, folder, "--samples", 8, "--k", "8,3", "--set", "data.num_validation=30")
    assert list(again) == ["greedy", "pass@3", "pass@8", "maj@3", "maj@8"]
    assert again["pass@8"] == table["pass@8"]  # the seed fixes the samples
    assert main(["eval", str(folder), "--output", str(output)]) == 2
    assert "exists; choose another --output, or --overwrite it" in capsys.readouterr().err
    assert len(output.read_text().splitlines()) == 270
    evaluated(capsys, folder, "--output", output, "--overwrite")
    assert len(output.read_text().splitlines()) == 12


def answered(output: Path) -> set[str]:
    """The questions in a file of answers."""
    return {json.loads(line)["question"] for line in output.read_text().splitlines()}


def trained_on(folder: Path) -> set[str]:
    config = load_config(TrainConfig, folder / "config.toml")
    return {problem.question for problem in load_task(config.data, config.run.seed).train}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "data.num_validation=38"],
        ["--set", "data.num_validation=38", "--set", "run.seed=5"],
        ["--task", "arithmetic", "--limit", "38"],
        ["--task", "arithmetic", "--set", "data.num_train=1", "--limit", "5", "--set", "run.seed=1"],
    ],
)
def test_no_problem_that_the_run_has_trained_on_is_answered(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    _, lines = evaluated(capsys, folder, "--output", tmp_path / "answers", *arguments)
    questions = answered(tmp_path / "answers")
    assert lines[-1].endswith(f"on {len(questions)} problems")
    assert len(questions) == (5 if "5" in arguments else 38)
    assert not questions & trained_on(folder)


def test_there_are_only_so_many_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(folder), "--set", "data.num_validation=41"]) == 2
    assert "1-digit addition has only 100" in capsys.readouterr().err


def test_what_a_run_of_files_has_trained_on_is_left_out_or_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = tmp_path / "sums.jsonl"
    problems.write_text("".join(f'{{"question": "What is {a} + 3?", "answer": {a + 3}}}\n' for a in range(40)))
    settings = ["data.task=file", f"data.train_file={problems}", "data.num_validation=8", "run.steps=0"]
    settings += [f"model.path={folder / 'checkpoint'}", "data.prompt=question_only", "rollouts.max_tokens=16"]
    run, output = tmp_path / "run", tmp_path / "answers.jsonl"
    assert main(["train", "--folder", str(run), *(part for each in settings for part in ("--set", each))]) == 0
    trained = trained_on(run)
    assert len(trained) == 32
    command = ["eval", str(run), "--output", str(output), "--overwrite"]
    capsys.readouterr()
    assert main([*command, "--set", "data.num_validation=20"]) == 0
    assert not answered(output) & trained
    left_out = 20 - len(answered(output))
    assert f"{left_out} of 20 problems are what the run has trained on, and are left out" in capsys.readouterr().err
    assert main([*command, "--file", str(problems)]) == 0
    assert len(answered(output)) == 40
    assert "32 of 40 problems are what the run has trained on, and are answered as well" in capsys.readouterr().err
    other = tmp_path / "other.jsonl"
    problems.rename(other)
    assert main([*command, "--file", str(other)]) == 0
    assert "it cannot be told what the run has trained on" in capsys.readouterr().err
    # The run's own files and fields are nothing to another task.
    assert main([*command, "--task", "arithmetic", "--limit", "4"]) == 0
    assert len(answered(output)) == 4


def test_a_reward_that_was_chosen_for_the_run_is_chosen_anew(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "answers.jsonl"

    def rewards(*arguments: str) -> set[str]:
        """The names of the rewards that judged."""
        judges.clear()
        assert main(["eval", str(folder), "--limit", "2", "--output", str(output), "--overwrite", *arguments]) == 0
        (judge,) = judges
        return {config.function for config in judge}

    judges: list[tuple[RewardConfig, ...]] = []
    init = RewardJudge.__init__

    def noted(self: RewardJudge, configured: tuple[RewardConfig, ...]) -> None:
        judges.append(configured)
        init(self, configured)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RewardJudge, "__init__", noted)
        assert rewards() == {"boxed"}
        assert rewards("--set", "data.prompt=r1_zero") == {"r1_zero"}
        assert rewards("--task", "countdown") == {"countdown"}
        assert rewards("--task", "countdown", "--set", "rewards=[{function='boxed'}]") == {"boxed"}


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_damaged_checkpoint_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder, run, symlinks=True)
    file = run / "checkpoint" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)
    assert main(["eval", str(run)]) == 2
    assert f"is damaged: {name} has other content than when it was written" in capsys.readouterr().err


def test_fields_of_a_file_that_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = tmp_path / "q.jsonl"
    problems.write_text('{"q": "What is 2 + 3?", "answer": 5}\n')
    _, lines = evaluated(capsys, folder, "--file", problems, "--set", "data.question_field=q")
    assert lines[-1].endswith("on 1 problems")


def test_other_problems_and_a_model_without_a_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = tmp_path / "other.jsonl"
    problems.write_text("".join(f'{{"question": "What is {a} + 3?", "answer": {a + 3}}}\n' for a in range(7)))
    _, lines = evaluated(capsys, folder, "--file", problems)
    assert lines[-1].endswith("on 7 problems")
    _, lines = evaluated(capsys, folder / "checkpoints" / "latest")  # has the run's settings in it
    assert lines[-1].endswith("on 12 problems")
    model = tmp_path / "model"
    shutil.copytree(folder / "checkpoint", model, ignore=shutil.ignore_patterns("config.toml"))
    _, bare = evaluated(capsys, model, "--file", problems, "--limit", 5, "--set", "rollouts.max_tokens=16")
    assert bare[-1].endswith("on 5 problems")
    settings = ["data.num_digits=1", "data.num_validation=4", "rollouts.max_tokens=16"]
    overrides = [part for setting in settings for part in ("--set", setting)]
    _, generated = evaluated(capsys, model, "--task", "arithmetic", *overrides)
    assert generated[-1].endswith("on 4 problems")


def test_a_runs_own_servers_are_left_alone(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected, lines = evaluated(capsys, folder)
    run = tmp_path / "run"
    shutil.copytree(folder, run, symlinks=True)
    vllm = VllmConfig(urls=("http://127.0.0.1:9", "http://127.0.0.1:10"), weight_transfer="nccl")
    config = replace(load_config(TrainConfig, run / "config.toml"), engine="vllm-server", vllm=vllm)
    for each in (run / "config.toml", run / "checkpoint" / "config.toml"):
        each.write_text(to_toml(config))
    assert evaluated(capsys, run) == (expected, lines)
    assert evaluated(capsys, run / "checkpoint") == (expected, lines)
    refused = ["eval", str(run), "--set", "engine=vllm", "--samples", "2", "--temperature", "5"]
    assert main(refused) == 2
    assert "temperature is 5.0, but vLLM samples at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MODEL"], "is a model without problems of its own; give --task or --file"),
        (["none"], "none is no run folder: there is no config.toml in it, and no config.json of a model"),
        (["RUN", "--samples", "-1"], "--samples is -1, expected at least 0"),
        (["RUN", "--k", "2"], "--k and --temperature are for sampled answers; say how many by --samples"),
        (["RUN", "--samples", "4", "--k", "1,8"], "--k is 1,8, expected 1 to --samples (4)"),
        (["RUN", "--samples", "4", "--temperature", "0"], "--temperature is 0.0, expected a finite number above 0"),
        (["RUN", "--limit", "0"], "--limit is 0, expected at least 1"),
        (["RUN", "--file", "none.jsonl"], "none.jsonl does not exist"),
        (["RUN", "--task", "sums"], "data.task"),
    ],
)
def test_a_mistake_is_one_line(
    folder: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text("{}")
    names = {"RUN": str(folder), "MODEL": str(tmp_path)}
    assert main(["eval", *(names.get(argument, argument) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("pgkern: error: ")
    assert error.count("\n") == 1
