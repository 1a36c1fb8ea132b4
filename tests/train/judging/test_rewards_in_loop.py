"""Rewards judged beside the run, with real processes that fail in every way that somebody's function can."""

import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pgkern.data.problem import Problem
from pgkern.rewards import boxed, r1_zero
from pgkern.rollout.engine import Prompt, Rollout
from pgkern.train.config import RewardConfig, TrainConfig
from pgkern.train.config_file import load_config
from pgkern.train.judging.rewards_in_loop import (
    OUTCOMES,
    Judged,
    RewardFailedError,
    RewardJudge,
    failure_message,
    reward_metrics,
)

EXAMPLES = Path(__file__).parents[3] / "examples"
RIGHT, WRONG, FORMLESS = " 4 </think> <answer> 4 </answer>", " </think> <answer> 5 </answer>", "4"

REWARD = """
import ctypes, os, signal, subprocess, sys, time
import numpy as np
from pgkern.rewards import Reward
from pgkern.verification import Verdict

def score(completion, gold, **columns):
    if completion == "raise":
        raise ValueError("no")
    if completion == "never":
        time.sleep(600)
    if completion == "in C":  # holds the interpreter's lock
        ctypes.PyDLL(None).sleep(600)
    if completion == "catches SIGTERM":
        signal.signal(signal.SIGTERM, lambda *_: None)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(600)
    if completion == "kills itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if completion == "forks":
        if os.fork() == 0:
            time.sleep(600)
        os._exit(7)
    if completion == "closes everything":
        os.closerange(3, 1000)
        time.sleep(600)
    if completion == "too much memory":
        return len(bytearray(2**40))
    if completion == "spawns":
        return float(subprocess.Popen(["sleep", "600"]).pid)
    if completion == "changes the folder":
        os.chdir("/")
        return 1
    if completion == "prints":
        print("xxx\\n" * 300_000)
        sys.stdout.flush()
        return 1
    if completion == "pid":
        return os.getpid()
    if completion == "expendable":
        return int(open("/proc/self/oom_score_adj").read())
    if completion.startswith("return "):
        return eval(completion[7:])
    if columns:
        return columns["bonus"]
    return len(completion)

def constant(completion, gold):
    return 2.0

def the_others(completion, gold):
    if completion not in ("raise", "both"):
        raise ValueError("not mine")
    return 1.0

class Nested:
    def score(completion, gold):
        return 3.0
"""


def rollouts(*responses: str) -> list[Rollout]:
    return [Rollout(0, Prompt("", (1,)), (1,), response, (0.0,), "stop", 0) for response in responses]


def problems(count: int, gold: str = "4", **columns: Any) -> list[Problem]:
    return [Problem("2 + 2?", gold, columns=columns)] * count


def judged_by(rewards: Sequence[RewardConfig], *responses: str) -> list[Judged]:
    with RewardJudge(rewards) as judge:
        return judge.judge(rollouts(*responses), problems(len(responses)))


def alive(pid: float) -> bool:
    """Whether there is such a process, and it is not only waiting to be taken notice of."""
    try:
        return Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(seconds: float, pid: float) -> bool:
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pid)


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(REWARD)
    return str(tmp_path / "own.py")


def own(file: str, function: str = "score", **settings: Any) -> RewardConfig:
    return RewardConfig(f"{file}:{function}", **{"seconds": 1.0, "max_memory_mb": 2048.0, **settings})


def test_a_built_in_reward_says_verdict_form_and_answer() -> None:
    responses = [RIGHT, WRONG, FORMLESS, RIGHT]
    judged = judged_by([RewardConfig()], *responses)
    for one, response in zip(judged, responses, strict=True):
        expected = r1_zero(response, "4")
        assert (one.reward, one.format_reward) == (expected.reward, expected.format_reward)
        assert one.outcome == expected.verdict.name.lower()
    assert [one.answer for one in judged] == ["4", "5", None, "4"]
    metrics = reward_metrics(judged)
    assert (metrics["train_reward"], metrics["format_reward"], metrics["reward_failures"]) == (0.5, 0.75, 0)
    assert metrics["outcome_correct"] == 0.5
    assert sum(metrics[f"outcome_{word}"] for word in OUTCOMES) == 1
    assert not any(name.startswith("reward_r1") for name in metrics)  # there is only one
    assert failure_message(judged) is None


def test_a_reason_is_kept() -> None:
    config = RewardConfig("countdown")
    with RewardJudge([config]) as judge:
        (one,) = judge.judge(rollouts("<answer> 1 + 3 </answer>"), problems(1, numbers=[1, 2, 3]))
    assert (one.reward, one.outcome, one.reason) == (0.0, "wrong", "1 of the numbers is left out: 2")
    assert one.answer == "1 + 3"


def test_the_weighted_sum(file: str) -> None:
    rewards = [RewardConfig(weight=2.0), own(file, weight=-0.25), own(file, "constant", weight=0.0)]
    judged = judged_by(rewards, RIGHT, "return 3")
    assert [one.parts for one in judged] == [
        {"r1_zero": 1.0, "score": len(RIGHT), "constant": 2.0},
        {"r1_zero": 0.0, "score": 3.0, "constant": 2.0},
    ]
    assert [one.reward for one in judged] == [2 - 0.25 * len(RIGHT), -0.75]
    assert [one.outcome for one in judged] == ["correct", "no_answer"]
    metrics = reward_metrics(judged)
    assert metrics["reward_score"] == (len(RIGHT) + 3) / 2
    assert metrics["reward_constant"] == 2.0


def test_equal_names_are_told_apart(file: str, tmp_path: Path) -> None:
    (tmp_path / "failures.py").write_text("def failures(completion, gold): return 5.0\n")
    rewards = [own(file), own(file), own(file, "Nested.score"), own(str(tmp_path / "failures.py"), "failures")]
    (one,) = judged_by(rewards, "abc")
    assert one.parts == {"score": 3.0, "score_2": 3.0, "Nested.score": 3.0, "failures_2": 5.0}


def test_a_reward_without_weight_costs_no_sample(file: str) -> None:
    with RewardJudge([RewardConfig(), own(file, weight=0.0, patience=1)]) as judge:
        for _ in range(2):  # and its patience ends no run
            (one,) = judge.judge(rollouts("raise"), problems(1))
            judge.end_step()
    assert (one.reward, one.outcome, one.parts) == (0.0, "no_answer", {"r1_zero": 0.0})
    assert one.failures == {"score": ("raised", "raised ValueError: no")}
    assert reward_metrics([one])["reward_failures"] == 1
    assert "reward_score" not in reward_metrics([one])
    assert failure_message([one, one]) == "of 2 rollouts score raised on 2 (raised ValueError: no)"


FAILURES = [
    ("raise", "raised", "raised ValueError: no"),
    ("never", "timed_out", "timed out after 1.0 s"),
    ("in C", "timed_out", "timed out after 1.0 s"),
    ("catches SIGTERM", "timed_out", "timed out after 1.0 s"),
    ("kills itself", "died", "worker died (signal 9)"),
    ("forks", "died", "worker died (exit status 7)"),
    ("closes everything", "died", "worker died (it closed its socket)"),
    ("too much memory", "raised", "raised MemoryError"),
    ("return float('nan')", "bad_value", "returned nan"),
    ("return float('inf')", "bad_value", "returned inf"),
    ("return None", "bad_value", "returned None"),
    ("return [1, 2]", "bad_value", "returned 2 values, expected 1"),
    ("return np.zeros(3)", "bad_value", "returned 3 values, expected 1"),
    ("return 10 ** 400", "bad_value", "returned int, expected a finite number"),
    ("return '1'", "bad_value", "returned str, expected a number"),
    ("return Reward(float('nan'), 1, 1, Verdict.CORRECT)", "bad_value", "returned nan"),
]
VALUES = [
    ("abc", 3.0),
    ("return True", 1.0),
    ("return np.float32(0.5)", 0.5),
    ("return Reward(0.25, 1, 0, Verdict.WRONG)", 0.25),
    ("changes the folder", 1.0),
    ("prints", 1.0),
    ("expendable", 1000.0),
]


def test_a_failure_costs_its_own_sample(file: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The same between samples that do not fail, by one process and by two."""
    folder = os.getcwd()
    responses = [response for failure in FAILURES for response in (failure[0], "abc")] + [value[0] for value in VALUES]
    for workers in (1, 2):
        judged = judged_by([own(file, workers=workers)], *responses)
        for failed, (response, outcome, reason) in zip(judged[: 2 * len(FAILURES) : 2], FAILURES, strict=True):
            assert (failed.reward, failed.outcome, failed.reason) == (None, outcome, reason), response
            assert failed.parts == {}
        assert [one.reward for one in judged[1 : 2 * len(FAILURES) : 2]] == [3.0] * len(FAILURES)
        assert [one.reward for one in judged[2 * len(FAILURES) :]] == [value for _, value in VALUES]
        metrics = reward_metrics(judged)
        assert metrics["reward_failures"] == len(FAILURES)
        assert metrics["outcome_timed_out"] == 3 / len(judged)
        assert metrics["outcome_died"] == 3 / len(judged)
        assert metrics["train_reward"] == pytest.approx(
            (3 * len(FAILURES) + sum(value for _, value in VALUES)) / (len(FAILURES) + len(VALUES))
        )
        assert metrics["format_reward"] == 1  # of the one that says so
    message = str(failure_message(judged))
    assert message.startswith(
        f"of {len(judged)} rollouts score raised on 2 (raised ValueError: no), score timed_out on"
    )
    assert os.getcwd() == folder
    out, err = capfd.readouterr()
    assert "x" not in out  # what a reward prints is not the trainer's output
    assert len(err) >= 2 * 1_200_000


def test_a_sum_that_is_no_number_costs_its_sample(file: str) -> None:
    """Nor one whose square float32 cannot hold: advantages would be infinite."""
    judged = judged_by([own(file, weight=1e9)], "return 1e308", "return -1e10", "return 1e9")
    assert [(one.reward, one.outcome, one.reason) for one in judged] == [
        (None, "bad_value", "the weighted sum is inf, expected at most 1e+18 in size"),
        (None, "bad_value", "the weighted sum is -1e+19, expected at most 1e+18 in size"),
        (1e18, "scored", ""),
    ]
    assert reward_metrics(judged)["reward_failures"] == 2


def test_ones_own_reward_may_say_verdict_form_and_reason(file: str) -> None:
    responses = [f"return Reward({value}, 1, 0, Verdict.WRONG, 'half right')" for value in ("0.5", "float('nan')")]
    judged = judged_by([own(file)], *responses, "abc")
    assert [one.outcome for one in judged] == ["wrong", "bad_value", "scored"]
    assert [one.reason for one in judged] == ["half right", "returned nan", ""]
    assert [one.format_reward for one in judged] == [1, None, None]
    assert reward_metrics(judged)["format_reward"] == 1


def test_of_several_the_failed_one_is_named(file: str) -> None:
    (one,) = judged_by([RewardConfig(), own(file)], "raise")
    assert (one.reward, one.outcome, one.reason) == (None, "raised", "score: raised ValueError: no")
    assert (one.format_reward, one.parts) == (0.0, {"r1_zero": 0.0})


def test_a_file_that_no_longer_loads_costs_samples(file: str) -> None:
    with RewardJudge([own(file)]) as judge:
        Path(file).write_text("raise OSError('gone')")
        judged = judge.judge(rollouts("abc", "kills itself", "abc"), problems(3))
    assert [one.outcome for one in judged] == ["scored", "died", "not_started"]
    assert judged[2].reason == "worker did not start: OSError: gone"


def test_judging_goes_on_beside_the_run(file: str) -> None:
    with RewardJudge([own(file, seconds=30)]) as judge:
        started = time.monotonic()
        judge.submit(rollouts(*["return time.sleep(0.5) or 1"] * 3), problems(3))
        assert time.monotonic() - started < 0.4
        time.sleep(2.5)  # as the engine would take
        waited = time.monotonic()
        assert [one.reward for one in judge.results()] == [1.0] * 3
        assert time.monotonic() - waited < 0.5
        assert judge.results() == []


def test_rewards_judge_side_by_side(file: str) -> None:
    with RewardJudge([own(file, seconds=30)] * 3) as judge:
        started = time.monotonic()
        assert judge.judge(rollouts("return time.sleep(1) or 1"), problems(1))[0].reward == 3.0
        assert time.monotonic() - started < 2.5


def test_the_order_is_that_of_submission_in_chunks_of_any_size(file: str) -> None:
    responses = [[RIGHT, WRONG, FORMLESS, "\\boxed{4}", "abc" * i][i % 5] for i in range(200)]
    rewards = [RewardConfig(), RewardConfig("boxed"), own(file, workers=2, seconds=30)]
    expected = [
        (r1_zero(text, "4").reward + boxed(text, "4").reward + len(text), r1_zero(text, "4").verdict.name.lower())
        for text in responses
    ]
    with RewardJudge(rewards) as judge:
        for size in (1, 7, 200):
            for start in range(0, 200, size):
                chunk = responses[start : start + size]
                judge.submit(rollouts(*chunk), problems(len(chunk)))
            assert [(one.reward, one.outcome) for one in judge.results()] == expected


def test_columns_go_by_name(file: str) -> None:
    with RewardJudge([own(file, columns=("bonus",))]) as judge:
        rows = [Problem("a", "1", columns={"bonus": 1.5}), Problem("b", "1", columns={"bonus": 2.5, "other": 0})]
        judge.check_columns(rows)
        assert [one.reward for one in judge.judge(rollouts("", ""), rows)] == [1.5, 2.5]
        with pytest.raises(
            ValueError,
            match=r"score takes the column 'bonus', which 1 of 3 problems lack; the first is 'c', .* columns: other$",
        ):
            judge.check_columns([*rows, Problem("c", "1", columns={"other": 1})])
        with pytest.raises(ValueError, match="score takes the column 'bonus', which 1 of 1 problems lack"):
            judge.submit(rollouts("", ""), [rows[0], Problem("d", "1")])


def test_countdown_takes_numbers_unasked() -> None:
    with RewardJudge([RewardConfig("countdown")]) as judge:
        with pytest.raises(ValueError, match="countdown takes the column 'numbers', which 1 of 1 problems lack"):
            judge.check_columns([Problem("?", "4")])
        with pytest.raises(
            ValueError, match="countdown cannot judge these problems: numbers is '1, 2': it must be a l"
        ):
            judge.check_columns(problems(2, numbers="1, 2"))
        judge.check_columns(problems(2, numbers=[1, 3]))
        (one,) = judge.judge(rollouts("<answer>1 + 3</answer>"), problems(1, numbers=[1, 3]))
    assert one.reward == 1.0


@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        ([RewardConfig("r1_zeros")], r"rewards\[0\]: reward is 'r1_zeros': it must be one of r1_zero, .*file.py:func"),
        ([RewardConfig(), RewardConfig("none.py:score")], r"rewards\[1\]: .*there is no file /.*none\.py"),
        ([RewardConfig("no_such_module:score")], "the reward score cannot be loaded: ModuleNotFoundError"),
        ([RewardConfig("math:no_such")], "the reward no_such cannot be loaded: AttributeError"),
        ([RewardConfig("math:pi")], "the reward pi cannot be loaded: TypeError: pi is a float, not a function"),
        ([RewardConfig("boxed", columns=("numbers",))], "the reward boxed takes no column 'numbers'; it takes none"),
        ([RewardConfig(weight=0.0)], "every reward has weight 0"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(rewards: list[RewardConfig], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RewardJudge(rewards)


def test_a_file_that_cannot_be_imported_stops_the_run_at_its_start(tmp_path: Path, file: str) -> None:
    (tmp_path / "broken.py").write_text("import no_such_library\n")
    with pytest.raises(ValueError, match=r"rewards\[1\]: the reward score cannot be loaded: ModuleNotFoundError: No"):
        RewardJudge([own(file), own(str(tmp_path / "broken.py"))])
    assert not children()  # the first reward's process has ended


def children() -> list[str]:
    tasks = Path("/proc/self/task").iterdir()
    found = [pid for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in found if alive(int(pid)) and b"worker_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("settings", [{"weight": math.nan}, {"weight": math.inf}, {"patience": 0}, {"function": ""}])
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        RewardConfig(**settings)


def test_a_reward_that_only_fails_stops_the_run_when_patience_is_over(file: str) -> None:
    with RewardJudge([RewardConfig(), own(file, patience=2)]) as judge:

        def step(*responses: str) -> list[Judged]:
            judged = judge.judge(rollouts(*responses), problems(len(responses)))
            judge.end_step()
            return judged

        nothing = step("raise", "raise")
        assert "train_reward" not in reward_metrics(nothing)
        assert reward_metrics(nothing)["outcome_raised"] == 1
        step("raise", "abc")  # one that it can judge is enough to begin anew
        step("raise")
        step()
        with pytest.raises(RewardFailedError, match=r"score judged none of 2 responses, 2 times in a row .*Error: no$"):
            step("raise", "raise")


def test_patience_counts_steps_and_not_draws(file: str) -> None:
    with RewardJudge([own(file, patience=2)]) as judge:
        for _ in range(5):  # draws of one step
            judge.judge(rollouts("raise", "raise"), problems(2))
        judge.end_step()
        judge.judge(rollouts("raise"), problems(1))
        judge.judge(rollouts("raise", "raise"), problems(2))
        with pytest.raises(RewardFailedError, match=r"judged none of 3 responses, 2 times in a row"):
            judge.end_step()


def test_rewards_that_together_leave_no_rollout_one_stop_the_run(file: str) -> None:
    """Each judges half of them, and no rollout has both."""
    with RewardJudge([own(file), RewardConfig(f"{file}:the_others", patience=2)]) as judge:

        def step(*responses: str) -> None:
            judge.judge(rollouts(*responses), problems(len(responses)))
            judge.end_step()

        step("raise", "abc")
        step("both")  # one is enough to begin anew
        step("raise", "abc")
        step()
        with pytest.raises(RewardFailedError, match=r"left none of 2 responses one, 2 times in a row .*others: raised"):
            step("raise", "abc")


def test_a_reward_that_only_hangs_is_not_waited_for_through_a_whole_batch(file: str, tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import time\ndef score(completion, gold): time.sleep(600)\n")
    with RewardJudge([RewardConfig(f"{tmp_path}/hangs.py:score", seconds=0.02)]) as judge:
        judged = judge.judge(rollouts(*["never"] * 60), problems(60))
        assert [one.outcome for one in judged] == ["timed_out"] * 32 + ["not_started"] * 28
        assert judged[-1].reason == "not judged: of the 32 before it every one hung"
    with RewardJudge([own(file)]) as judge:
        judged = judge.judge(rollouts(*["raise"] * 60, "abc"), problems(61))  # what fails at once is
        assert judged[-1].reward == 3.0


def test_an_error_of_the_judge_itself_is_raised_where_it_is_waited_for() -> None:
    with RewardJudge([RewardConfig()]) as judge:
        for _ in range(2):  # and again: it does not hang
            judge.submit(rollouts(RIGHT), [Problem("?", None)])  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="gold is None"):
                judge.results()


def test_submissions_have_a_problem_each() -> None:
    with RewardJudge([RewardConfig()]) as judge, pytest.raises(ValueError, match="2 rollouts but 1 problems"):
        judge.submit(rollouts(RIGHT, RIGHT), problems(1))


def test_closing_ends_what_is_under_way(file: str) -> None:
    judge = RewardJudge([own(file, seconds=600, workers=2)])
    pid, child = (one.reward for one in judge.judge(rollouts("pid", "spawns"), problems(2)))
    assert pid is not None
    assert child is not None
    assert alive(pid)
    assert alive(child)
    judge.submit(rollouts(*["never"] * 100), problems(100))
    started = time.monotonic()
    judge.close()
    judge.close()
    assert time.monotonic() - started < 5
    assert gone_within(5, pid)
    assert gone_within(5, child)
    with pytest.raises(RuntimeError, match="the reward score is closed"):
        judge.results()
    with pytest.raises(RuntimeError, match="the reward score is closed"):
        judge.submit(rollouts("abc"), problems(1))
    wait_for_threads()
    assert not children()  # none was started for the other 98


def wait_for_threads() -> None:
    until = time.monotonic() + 10
    while any(thread.name.startswith("pgkern reward") for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_judge_that_nobody_holds_leaves_nothing(file: str) -> None:
    judge = RewardJudge([own(file, seconds=600)])
    judge.submit(rollouts("never"), problems(1))
    del judge
    gc.collect()
    wait_for_threads()
    assert not children()


RUN = """
import sys, time
sys.path.insert(0, sys.argv[3])
from test_rewards_in_loop import RewardConfig, RewardJudge, problems, rollouts

judge = RewardJudge([RewardConfig(sys.argv[1], seconds=600, workers=2)] * 2)
judged = judge.judge(rollouts(*["pid"] * 20, "spawns"), problems(21))
print(*{int(one.parts[name]) for one in judged for name in one.parts}, flush=True)
judge.submit(rollouts(*["in C"] * 20), problems(20))
if sys.argv[2] == "waits":
    judge.results()
if sys.argv[2] == "leaves":
    time.sleep(0.5)
    sys.exit(0)
"""


@pytest.mark.parametrize(("what", "how"), [("waits", "SIGKILL"), ("waits", "SIGINT"), ("leaves", None)])
def test_a_program_that_ends_in_any_way_leaves_no_process(file: str, what: str, how: str | None) -> None:
    command = [sys.executable, "-c", RUN, f"{file}:score", what, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) >= 3
        if how is not None:
            time.sleep(0.5)
            program.send_signal(getattr(signal, how))
        try:
            program.wait(20)
        finally:
            program.kill()
        said = program.stderr.read() if how == "SIGINT" else ""
    assert all(gone_within(5, pid) for pid in pids)  # though they hold the interpreter's lock
    if how == "SIGINT":
        assert "KeyboardInterrupt" in said
    elif how is None:
        assert program.returncode == 0


def test_the_example_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES.parent)  # where its file is named from
    config = load_config(TrainConfig, EXAMPLES / "own_reward.toml", [])
    right = " 40 + 2 = 42 </think> <answer> 42 </answer>"
    with RewardJudge(config.rewards) as judge:
        first, second = judge.judge(rollouts(right, "none"), problems(2, gold="42"))
    brevity = 1 - len(right) / 120
    assert first.parts == {"r1_zero": 1.0, "brevity": brevity, "digits": 1.0}
    assert first.reward == pytest.approx(1 + 0.1 * brevity)
    assert second.reward == pytest.approx(0.1 * (1 - 4 / 120))
    assert second.failures == {"digits": ("raised", "raised IndexError: list index out of range")}
    forgiving = RewardConfig("examples/own_reward.py:forgiving")
    (one,) = judged_by([forgiving], " </think> <answer> 41 </answer>")
    assert (one.reward, one.outcome, one.format_reward) == (0.5, "wrong", 1.0)
