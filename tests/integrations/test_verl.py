"""By verl's documented signature; verl itself is not installed.

`compute_score(data_source, solution_str, ground_truth, extra_info)` is called with these names as keywords, from a file
loaded by its path; a mapping's `"score"` is the reward, its other entries are logged and must be the same for each
sample.
"""

import importlib.util
import re
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pgkern.integrations.verl
from pgkern import Verdict
from pgkern.integrations.verl import REWARD_OF_DATA_SOURCE, compute_score, scorer
from pgkern.rewards import TimeLimited

SAMPLES = {
    "openai/gsm8k": ("so #### 42", "6 * 7 = 42\n#### 42", "so #### 41"),
    "lighteval/MATH": (r"\boxed{\frac12}", "0.5", r"\boxed{2}"),
    "DigitalLearningGmbH/MATH-lighteval": (r"\boxed{42}", "42", "42"),
    "HuggingFaceH4/MATH-500": (r"\boxed{42}", "42", ""),
    "countdown": ("<answer>(1 + 2) * 3</answer>", {"target": 9, "numbers": [1, 2, 3]}, "<answer>9</answer>"),
}


@pytest.fixture
def by_path() -> ModuleType:
    spec = importlib.util.spec_from_file_location("custom_module", Path(str(pgkern.integrations.verl.__file__)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_data_source_has_its_reward(by_path: ModuleType) -> None:
    assert set(SAMPLES) == set(REWARD_OF_DATA_SOURCE)
    for source, (right, gold, wrong) in SAMPLES.items():
        for score in (compute_score, by_path.compute_score):
            judged = score(data_source=source, solution_str=right, ground_truth=gold, extra_info={"split": "train"})
            assert judged == {"score": 1, "acc": 1, "format": 1, "verdict": Verdict.CORRECT}
            failed = score(source, wrong, gold)
            assert failed["score"] == 0
            assert failed.keys() == judged.keys()
            assert all(isinstance(value, float) for value in failed.values())


def test_the_reward_is_named_in_the_configuration() -> None:
    judged = partial(compute_score, reward="text_match")("my/data", "Yes", "yes", None)
    assert judged["score"] == 1
    with pytest.raises(ValueError, match=r"no reward for data source 'my/data' \(there is one for openai/gsm8k, "):
        compute_score("my/data", "Yes", "yes")
    with pytest.raises(ValueError, match="reward is 'no_such'"):
        compute_score("my/data", "Yes", "yes", reward="no_such")


def test_what_else_a_reward_takes_comes_from_the_extra_info() -> None:
    score = partial(compute_score, reward="multiple_choice", columns={"options": "choices"})
    assert score("my/data", "Rome", "B", {"choices": ["Oslo", "Rome"], "index": 3})["score"] == 1
    assert score("my/data", "Oslo", "B", {"choices": ["Oslo", "Rome"]})["score"] == 0
    with pytest.raises(ValueError, match="extra_info has no 'choices'; it has index"):
        score("my/data", "Rome", "B", {"index": 3})
    with pytest.raises(ValueError, match="extra_info has no 'choices'; it has nothing"):
        score("my/data", "Rome", "B")


def test_the_readmes_file() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(from pgkern.integrations.verl import .*?)```", readme, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(compile(code[1], "README.md", "exec"), names)
    assert names["compute_score"]("my/choices", "(B)", "B")["score"] == 1
    assert names["compute_score"]("my/data", "x" * 100, "B")["score"] == 0


def test_a_function_that_fails_costs_its_own_sample(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os, time\n"
        "def mine(completion, gold):\n"
        "    if completion == 'leave': os._exit(1)\n"
        "    if completion == 'sleep': time.sleep(60)\n"
        "    return 1 / int(completion)\n"
    )
    with TimeLimited(f"{tmp_path}/mine.py:mine", seconds=2, default=-1) as limited:
        score = scorer({"my/data": limited})
        scores = [score("my/data", text, None)["score"] for text in ("1", "0", "2", "leave", "4", "sleep", "x", "5")]
    assert scores == [1, -1, 0.5, -1, 0.25, -1, -1, 0.2]


def test_rewards_of_ones_own() -> None:
    with TimeLimited("operator:truediv") as limited:
        score = scorer({"my/ratio": limited, "my/length": lambda text, gold: len(text), "my/choice": "multiple_choice"})
        assert score("my/ratio", 1, 0) == {"score": 0, "acc": 0}
        assert score("my/ratio", 1, 2) == {"score": 0.5, "acc": 0.5}
        assert score("my/length", "abc", None) == {"score": 3, "acc": 3}
        assert score("my/choice", "(B)", "B", {})["score"] == 1
        assert score("openai/gsm8k", "#### 1", "1")["score"] == 1
