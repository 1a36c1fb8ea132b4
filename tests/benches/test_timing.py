import time

import pytest
from benches.timing import Spread, interleaved, pairwise_ratio


def test_runs_alternate_and_each_time_is_its_own() -> None:
    order: list[str] = []

    def sleeper(name: str, seconds: float) -> object:
        def run() -> None:
            order.append(name)
            time.sleep(seconds)

        return run

    seconds = interleaved({"a": sleeper("a", 0.002), "b": sleeper("b", 0.03)}, 3)
    assert order == ["a", "b"] * 3
    assert [len(values) for values in seconds.values()] == [3, 3]
    assert min(seconds["a"]) >= 0.002
    assert min(seconds["b"]) >= 0.03


def test_the_device_is_waited_for_before_and_after_every_run() -> None:
    events: list[str] = []
    runs = {"a": lambda: events.append("run")}
    interleaved(runs, 2, lambda: events.append("wait"), lambda name: events.append(f"prepare {name}"))
    assert events == ["prepare a", "wait", "run", "wait"] * 2


def test_preparing_is_off_the_clock() -> None:
    seconds = interleaved({"a": lambda: None}, 1, prepare=lambda _name: time.sleep(0.03))
    assert seconds["a"][0] < 0.02


def test_spread_is_the_median_with_the_fifths() -> None:
    assert Spread.of([5.0, 1.0, 2.0, 3.0, 4.0, 6.0]) == Spread(3.5, 2.0, 5.0)
    with pytest.raises(ValueError, match="no values"):
        Spread.of([])


def test_a_slow_round_of_the_machine_cancels_in_the_ratio() -> None:
    assert pairwise_ratio([1.0, 10.0, 1.0], [2.0, 20.0, 2.0]) == Spread(0.5, 0.5, 0.5)
