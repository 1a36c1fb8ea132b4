"""What goes wrong in a function under a time limit, and what each failure costs."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest

from pgkern import Verdict
from pgkern.rewards import Failure, Reward, TimeLimited

FAILURES = [
    ("raise", Failure.RAISED, "raised ValueError: no xxx"),
    ("sleep", Failure.TIMED_OUT, "timed out after 1.0 s"),
    ("hold the lock", Failure.TIMED_OUT, "timed out after 1.0 s"),
    ("ignore signals", Failure.TIMED_OUT, "timed out after 1.0 s"),
    ("exit", Failure.RAISED, "raised SystemExit: 3"),
    ("leave", Failure.DIED, "worker died (exit status 3)"),
    ("crash", Failure.DIED, "worker died (signal 11)"),
    ("fork and leave", Failure.DIED, "worker died (exit status 4)"),
]


@pytest.mark.parametrize(("completion", "failure", "reason"), FAILURES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_costs_its_own_sample(
    file: str, completion: str, failure: Failure, reason: str, workers: int
) -> None:
    with TimeLimited(f"{file}:score", seconds=1, workers=workers, default=-1) as limited:
        result = limited.many(["a", "b", completion, "c", "d"], ["a", "x", "", "c", "x"])
    assert result.rewards == [1, 0, -1, 1, 0]
    assert result.failures == [None, None, failure, None, None]
    assert result.reasons[:2] == result.reasons[3:] == [None, None]
    assert str(result.reasons[2]).startswith(reason)
    assert len(str(result.reasons[2])) < 400
    assert result.counts == {failure: 1}


VALUES = [
    ("1", 1),
    ("True", 1),
    ("np.float32(0.5)", 0.5),
    ("np.array(0.5)", 0.5),
    ("np.array([0.5])", 0.5),
    ("[0.5]", 0.5),
    ("__import__('fractions').Fraction(1, 4)", 0.25),
    ("type('R', (), {'reward': 0.75})", 0.75),
    ("float('nan')", "returned nan"),
    ("-float('inf')", "returned -inf"),
    ("None", "returned None"),
    ("[None]", "returned NoneType, expected a finite number"),
    ("'1'", "returned str, expected a number"),
    ("{'reward': 1}", "returned dict, expected a number"),
    ("[]", "returned 0 values, expected 1"),
    ("[1, 2]", "returned 2 values, expected 1"),
    ("np.zeros(3)", "returned 3 values, expected 1"),
    ("10 ** 400", "returned int, expected a finite number"),
    ("1j", "returned complex, expected a finite number"),
    ("(x for x in [1])", "returned generator, expected a finite number"),
]


def test_what_a_function_returns(limited: TimeLimited) -> None:
    result = limited.many(["return"] * len(VALUES), [expression for expression, _ in VALUES])
    for (expression, expected), reward, reason in zip(VALUES, result.rewards, result.reasons, strict=True):
        assert (reason or reward) == expected, expression
    assert set(result.counts) == {Failure.BAD_VALUE}


REWARDS = {
    "Reward(0.25, 1, 0, Verdict.WRONG, 'r' * 999)": Reward(0.25, 1, 0, Verdict.WRONG, "r" * 300),
    "Reward(0.25, 1, float('nan'), Verdict.WRONG)": None,
    "Reward(0.25, 10**400, 0, Verdict.WRONG)": None,
    "Reward(0.25, 1, 0, 'wrong')": None,
    "type('R', (), {'reward': 0.25})": None,
    "0.25": None,
}


def test_a_reward_that_is_returned_is_told_whole(limited: TimeLimited) -> None:
    imports = "(exec('from pgkern.rewards import Reward; from pgkern import Verdict', globals()), {})[1]"
    result = limited.many(["return"] * len(REWARDS), [imports.format(expression) for expression in REWARDS])
    assert result.rewards == [0.25] * len(REWARDS)
    assert result.returned == list(REWARDS.values())


def test_order_is_kept_by_any_number_of_workers(file: str) -> None:
    completions = [str(number) for number in range(100)]
    golds = [str(number - number % 3) for number in range(100)]
    for workers in (1, 3):
        with TimeLimited(f"{file}:score", workers=workers) as limited:
            result = limited.many(completions, golds, bonus=list(range(100)))
        assert result.rewards == [number + (number % 3 == 0) for number in range(100)]
        assert result.counts == {}


def test_a_stopped_worker_with_a_full_socket_is_ended(limited: TimeLimited) -> None:
    os.kill(int(limited("pid", "")), signal.SIGSTOP)
    result = limited.many(["a" * 5_000_000, "a"], ["a", "a"])
    assert result.rewards == [0, 1]
    assert result.reasons == ["timed out after 1.0 s", None]


def test_a_file_that_no_longer_loads_costs_samples_and_not_the_run(file: str) -> None:
    with TimeLimited(f"{file}:score") as limited:
        Path(file).write_text("raise OSError('gone')")
        result = limited.many(["a", "leave", "a"], ["a", "", "a"])
    assert result.rewards == [1, 0, 0]
    assert result.failures == [None, Failure.DIED, Failure.NOT_STARTED]
    assert result.reasons[2] == "worker did not start: OSError: gone"


def test_a_file_that_takes_too_long_to_load(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match=r"cannot be loaded: it was not loaded within 0\.5 s"):
        TimeLimited(f"{tmp_path}/slow.py:score", startup_seconds=0.5)


def test_a_sample_that_cannot_be_sent(limited: TimeLimited) -> None:
    result = limited.many(["a", "a"], ["a", "a"], bonus=[threading.Lock(), 1])
    assert result.rewards == [0, 2]
    assert result.failures == [Failure.RAISED, None]


def test_arguments_out_of_range_are_refused(file: str, limited: TimeLimited) -> None:
    for options, message in (
        ({"seconds": 0}, "seconds is 0"),
        ({"seconds": float("inf")}, "seconds is inf"),
        ({"seconds": None}, "seconds is None"),
        ({"startup_seconds": -1}, "startup_seconds is -1"),
        ({"startup_seconds": None}, "startup_seconds is None"),
        ({"startup_seconds": float("nan")}, "startup_seconds is nan"),
        ({"max_memory_mb": 0}, "max_memory_mb is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"workers": 1.5}, r"workers is 1\.5"),
        ({"workers": True}, "workers is True"),
        ({"default": float("nan")}, "default is nan"),
        ({"default": None}, "default is None"),
    ):
        with pytest.raises(ValueError, match=message):
            TimeLimited(f"{file}:score", **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 completions but 2 golds"):
        limited.many(["a"], ["a", "b"])
    assert limited.many([], []).rewards == []


def test_the_readmes_lines(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(from pgkern.rewards import TimeLimited.*?)```", readme, re.DOTALL)
    assert code is not None
    Path(file).rename(tmp_path / "my_rewards.py")
    monkeypatch.chdir(tmp_path)
    exec(compile(code[1], "README.md", "exec"), {"completions": ["a", "sleep"], "golds": ["a", ""]})
    assert capsys.readouterr().out.startswith("[1.0, 0.0] [None, 'timed out after 2.0 s'] {<Failure.TIMED_OUT")


def test_a_function_that_takes_too_much_memory_sees_an_error(file: str) -> None:
    with TimeLimited(f"{file}:score", seconds=20, max_memory_mb=200) as limited:
        result = limited.many(["a", "return", "return", "a"], ["a", "len(b'1' * 2**29)", "len(b'1' * 2**20)", "a"])
    assert result.rewards == [1, 0, 2**20, 1]
    assert result.reasons == [None, "raised MemoryError", None, None]
