import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from benches.stopwatch import Stopwatch
from benches.trainer_overhead import MODEL_PARTS, OWN_PARTS


def test_quick_form_shares_out_the_whole_step(run_quick: Callable[..., dict[str, Any]]) -> None:
    rows = run_quick("trainer_overhead")["rows"]
    assert [row["samples"] for row in rows] == [4, 8]
    for row in rows:
        parts = row["milliseconds"]
        assert set(parts) == {*MODEL_PARTS, *OWN_PARTS}
        assert parts["generate"] > parts["packing"]
        assert min(parts.values()) > 0  # every part has a function that a step calls
        assert 0 < row["own_share"] < 1
        assert row["own_ms"] < row["step_ms"]
        assert row["checkpoint_ms"] > 0


def test_time_belongs_to_the_innermost_name() -> None:
    watch = Stopwatch()
    with watch.timing("outer"):
        time.sleep(0.02)
        with watch.timing("inner"):
            time.sleep(0.04)
        with watch.timing("outer"):
            time.sleep(0.02)
    assert watch.seconds["outer"] >= 0.04
    assert watch.seconds["inner"] >= 0.04
    assert sum(watch.seconds.values()) < 1


def test_another_thread_counts_for_nothing() -> None:
    watch = Stopwatch()

    def work() -> None:
        with watch.timing("elsewhere"):
            time.sleep(0.001)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert dict(watch.seconds) == {}


def test_a_function_that_is_gone_is_an_error_and_the_others_are_put_back() -> None:
    before = time.sleep
    watch = Stopwatch()
    with pytest.raises(AttributeError, match="no_such"), watch.watching({"time:sleep": "a", "time:no_such": "b"}):
        pass
    assert time.sleep is before
