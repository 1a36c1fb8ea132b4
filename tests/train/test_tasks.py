import gzip
import json
import logging
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pgkern.rewards import boxed, countdown, gsm8k, r1_zero
from pgkern.train.config import DataConfig, TrainConfig
from pgkern.train.config_file import ConfigError, load_config
from pgkern.train.tasks import Task, load_problems, load_task

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not beside this checkout")


def write(path: Path, rows: Iterable[dict[str, Any] | str]) -> str:
    rows = [{"question": row, "answer": "1"} if isinstance(row, str) else row for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def of_file(path: str, **settings: Any) -> Task:
    return load_task(DataConfig(task="file", train_file=path, **{"num_validation": 2, **settings}), seed=0)


def questions(task: Task) -> tuple[list[str], list[str]]:
    return [problem.question for problem in task.train], [problem.question for problem in task.validation]


def test_held_out_sums_are_not_trained_on() -> None:
    task = load_task(DataConfig(num_digits=1, num_train=80, num_validation=20), seed=3)
    train, held_out = questions(task)
    assert (len(set(train)), len(set(held_out))) == (80, 20)
    assert not set(train) & set(held_out)


def test_a_countdown_is_neither_trained_on_nor_held_out_twice() -> None:
    task = load_task(DataConfig(task="countdown", num_numbers=2, num_train=300, num_validation=100), seed=3)
    keys = [(*sorted(p.columns["numbers"]), p.gold) for p in task.train + task.validation]  # type: ignore[call-overload]
    assert len(set(keys)) == 400
    for problem in task.train[:50]:
        assert countdown(problem.solution or "", problem.gold, problem.columns["numbers"]).reward == 1.0  # type: ignore[arg-type]


def test_what_is_held_out_is_a_function_of_seed_and_text_and_of_no_order(tmp_path: Path) -> None:
    names = [f"question {index}" for index in range(40)]
    train, held_out = questions(of_file(write(tmp_path / "a.jsonl", names), num_validation=10))
    assert sorted(train + held_out) == sorted(names)
    assert len(held_out) == 10
    shuffled = random.Random(1).sample(names, 40)
    again = questions(of_file(write(tmp_path / "b.jsonl", shuffled), num_validation=10))
    assert set(again[1]) == set(held_out)
    assert again[0] == [name for name in shuffled if name not in held_out]  # in the file's order
    longer = questions(of_file(write(tmp_path / "c.jsonl", [*names, "one more"]), num_validation=10))
    assert len(set(longer[1]) & set(held_out)) >= 9
    other = load_task(DataConfig(task="file", train_file=str(tmp_path / "a.jsonl"), num_validation=10), seed=1)
    assert set(questions(other)[1]) != set(held_out)


def test_a_question_is_on_one_side_however_it_is_spelled(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows: list[dict[str, Any]] = []
    for index in range(30):
        rows += [
            {"question": f"How many are {index}?", "answer": "1"},
            {"question": f"  how many\nARE {index}? ", "answer": "1"},  # the same once more
            {"question": f"How many are {index}?", "answer": "2"},  # and a contradiction
        ]
    with caplog.at_level(logging.WARNING):
        task = of_file(write(tmp_path / "a.jsonl", rows), num_validation=10)
    train, held_out = ({" ".join(question.lower().split()) for question in side} for side in questions(task))
    assert (len(train), len(held_out)) == (20, 10)
    assert not train & held_out
    assert (len(task.train), len(task.validation)) == (40, 10)
    assert "a.jsonl: 30 problems stand there more than once and count once" in caplog.text
    assert "a.jsonl: 30 questions have several golds, such as 'how many are 0?'" in caplog.text


def test_a_file_of_its_own_may_hold_the_validation_problems(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train, held_out = write(tmp_path / "t.jsonl", ["a", "b", "V"]), write(tmp_path / "v.jsonl", ["v", "w", "x"])
    with caplog.at_level(logging.WARNING):
        task = of_file(train, validation_file=held_out)
    assert questions(task)[0] == ["a", "b"]
    assert len(task.validation) == 2
    assert set(questions(task)[1]) < {"v", "w", "x"}
    assert "t.jsonl: 1 problems are also held out, and are not trained on" in caplog.text
    assert len(of_file(train, validation_file=held_out, num_validation=99).validation) == 3
    with pytest.raises(ValueError, match=r"u\.jsonl: every question is a held-out one; there is none left to train on"):
        of_file(write(tmp_path / "u.jsonl", ["w"]), validation_file=held_out)


@pytest.mark.parametrize("one_folder", [False, True])
def test_what_stands_twice_in_the_validation_file_is_told_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, one_folder: bool
) -> None:
    rows = ["v", " V", "w", {"question": "W", "answer": "2"}, "x"]
    train, held_out = write(tmp_path / "train.jsonl", ["a", "b", "A"]), write(tmp_path / "test.jsonl", rows)
    with caplog.at_level(logging.WARNING):
        if one_folder:
            task = of_file(str(tmp_path), validation_split="test", num_validation=9)
            train, held_out = f"{tmp_path} (train)", f"{tmp_path} (test)"
        else:
            task = of_file(train, validation_file=held_out, num_validation=9)
    assert questions(task) == (["a", "b"], ["v", "w", "x"])
    assert [record.getMessage() for record in caplog.records] == [
        f"{train}: 1 problems stand there more than once and count once",
        f"{held_out}: 1 problems stand there more than once and count once",
        f"{held_out}: 1 questions have several golds, such as 'w'",
    ]


def test_too_few_problems_to_hold_some_out(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", ["a", "b", " B "])
    with pytest.raises(ValueError, match=r"train\.jsonl: 2 different questions are too few to hold 2 out"):
        of_file(path)


def test_golds_that_cannot_be_read_are_said_dropped_or_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"question": f"q{index}", "answer": "1"} for index in range(8)]
    path = write(tmp_path / "a.jsonl", [*rows, {"question": "torn", "answer": "\\frac{1}{"}])
    message = r"a\.jsonl: 1 of 9 golds are not understood by the verifier, such as '\\\\frac\{1\}\{'"
    with caplog.at_level(logging.WARNING):
        assert sum(map(len, questions(of_file(path)))) == 9
    assert caplog.text.count("1 of 9 golds are not understood") == 1
    assert "torn" not in str(questions(of_file(path, bad_golds="drop")))
    with pytest.raises(ValueError, match=message):
        of_file(path, bad_golds="refuse")
    caplog.clear()
    of_file(path, bad_golds="ignore")
    assert not caplog.text
    only = write(tmp_path / "b.jsonl", [{"question": "torn", "answer": "\\frac{1}{"}])
    with pytest.raises(ValueError, match="no problem is left"):
        of_file(only, bad_golds="drop")


def test_a_setting_wins_over_the_tasks_own_and_the_prompt_gives_reward_and_form(tmp_path: Path) -> None:
    row = {"problem": "1+1?", "solution": "Two: $\\boxed{2}$.", "answer": "3", "hint": {"text": "Four"}, "source": "s"}
    path = write(tmp_path / "a.jsonl", [row, {**row, "problem": "2+0?"}, {**row, "problem": "3-1?"}])
    [problem] = load_problems(DataConfig(task="math", train_file=path, columns=("source",)), 0, count=1)
    assert (problem.question, problem.gold, problem.columns) == ("1+1?", "3", {"source": "s"})
    [problem] = load_problems(DataConfig(task="math", train_file=path, answer_field="hint.text"), 0, count=1)
    assert problem.gold == "Four"

    def reward_of(*settings: str) -> list[str]:
        return [reward.function for reward in load_config(TrainConfig, None, settings).rewards]

    assert reward_of() == ["r1_zero"]
    assert reward_of("data.prompt=chat") == ["boxed"]
    assert reward_of("data.prompt=question_only", "data.answer_form=gsm8k") == ["gsm8k"]
    assert reward_of("data.task=countdown") == ["countdown"]
    chosen = tmp_path / "config.toml"
    chosen.write_text('[[rewards]]\nfunction = "gsm8k"\n')
    assert load_config(TrainConfig, chosen, ["data.prompt=chat"]).rewards[0].function == "gsm8k"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.task=file"], "task 'file' needs train_file"),
        (["data.task=countdown", "data.question_field=q"], "question_field is for the tasks 'file', 'gsm8k', 'math'"),
        (["data.prompt=chatt"], "prompt is 'chatt', expected one of 'r1_zero', 'question_only', 'chat', a text with"),
        (["data.system_prompt=Hi"], "a system prompt goes with prompt 'chat', not 'r1_zero'"),
        (["data.num_numbers=0"], "num_numbers is 0, expected 1 to 10"),
        (["data.task=jsonl"], "data.task"),
    ],
)
def test_impossible_settings_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(TrainConfig, None, settings)


@needs_shared
@pytest.mark.parametrize(("prompt", "reward"), [("r1_zero", r1_zero), ("chat", boxed), ("{question}\n####", gsm8k)])
def test_the_real_gsm8k_is_split_as_published_and_its_solutions_earn_their_reward(prompt: str, reward: Any) -> None:
    config = DataConfig(
        task="gsm8k",
        train_file=str(SHARED / "gsm8k"),
        validation_split="test",
        num_validation=2000,
        prompt=prompt,
        bad_golds="refuse",
    )
    task = load_task(config, seed=0)
    assert (len(task.train), len(task.validation)) == (7473, 1319)
    assert all(reward(problem.solution, problem.gold).reward == 1.0 for problem in task.validation)


@needs_shared
def test_real_math_problems_stand_there_once(caplog: pytest.LogCaptureFixture) -> None:
    path = SHARED / "verify" / "math_completions_qwen_800.jsonl"
    task = load_task(DataConfig(task="math", train_file=str(path), num_validation=20), seed=0)
    assert (len(task.train), len(task.validation)) == (80, 20)
    assert "700 problems stand there more than once" in caplog.text


def test_the_math_example_reads_the_folders_as_they_are_published(tmp_path: Path) -> None:
    for split, number in (("train", 1), ("train", 2), ("test", 3), ("test", 4)):
        path = tmp_path / "MATH" / split / "algebra" / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"problem": f"p{number}", "solution": f"So $\\boxed{{{number}}}$."}, indent=1))
    example = Path(__file__).parents[2] / "examples" / "math.toml"
    config = load_config(TrainConfig, example, [f"data.train_file={tmp_path / 'MATH'}", "data.prompt=chat"])
    task = load_task(config.data, seed=0)
    assert questions(task) == (["p1", "p2"], ["p3", "p4"])
    assert task.train[0].solution == "So $\\boxed{1}$."
    assert config.rewards[0].function == "boxed"


@needs_shared
def test_the_box_of_a_real_math_solution_is_its_gold() -> None:
    path = SHARED / "verify" / "math_test_5000.jsonl"
    boxes = DataConfig(
        task="math", train_file=str(path), question_field="id", answer_field="no_such", solution_field="solution"
    )
    golds = DataConfig(task="math", train_file=str(path), question_field="id")
    outcomes: Counter[bool] = Counter(
        a.gold == b.gold for a, b in zip(load_problems(boxes, 0), load_problems(golds, 0), strict=True)
    )
    assert outcomes[True] > 4900  # a few are spelled otherwise in the two fields


def test_thirty_thousand_packed_rows_take_seconds(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        for index in range(30_000):
            file.write(json.dumps({"question": f"What is {index} + 1?", "answer": index + 1}) + "\n")
    task = of_file(str(path), num_validation=1000)
    assert (len(task.train), len(task.validation)) == (29_000, 1000)
