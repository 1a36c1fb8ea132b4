"""How many samples of those that come one by one are judged together."""

from collections.abc import Sequence
from typing import Any

import pytest

from pgkern.rewards import batched
from pgkern.train.judging import reward_thread
from pgkern.train.judging.reward_thread import RewardThread, Submitted

RIGHT = Submitted(r"\boxed{4}", "4", {})
FOR_EVER = 3600.0


class Noting:
    """A reward that notes how many it is asked to judge at a time."""

    __name__ = "noting"

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._reward = batched("boxed")

    def __call__(self, completions: Sequence[str], golds: Sequence[Any]) -> Any:
        self.sizes.append(len(completions))
        return self._reward(completions, golds)


def judged(thread: RewardThread) -> list[float | None]:
    return [score.value for score in thread.results()]


def test_the_first_wait_for_as_many_as_there_are_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_thread, "_COMPANY_COMES_IN_S", FOR_EVER)
    reward = Noting()
    thread = RewardThread(reward, workers=3)
    for _ in range(3):
        thread.submit([RIGHT])
    assert judged(thread) == [1.0] * 3
    assert reward.sizes == [3]
    thread.close()


def test_nobody_waits_where_none_will_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_thread, "_COMPANY_COMES_IN_S", FOR_EVER)
    reward = Noting()
    thread = RewardThread(reward, workers=3)
    for _ in range(2):  # steps
        thread.submit([RIGHT])
        assert judged(thread) == [1.0]
    thread.close()


@pytest.mark.parametrize(("workers", "company_s"), [(3, 0.01), (None, FOR_EVER)])
def test_one_that_stays_alone_is_judged_before_the_others_come(
    monkeypatch: pytest.MonkeyPatch, workers: int | None, company_s: float
) -> None:
    monkeypatch.setattr(reward_thread, "_COMPANY_COMES_IN_S", company_s)
    reward = Noting()
    thread = RewardThread(reward, workers)
    thread.submit([RIGHT])
    while not reward.sizes:  # the timeout of the test says whether that ends
        pass
    thread.submit([RIGHT] * 2)
    assert judged(thread) == [1.0] * 3
    assert reward.sizes[0] == 1
    thread.close()
