"""The reward function as TRL calls it, and in a run of its own GRPOTrainer on a small random model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgkern.integrations.trl import reward_function
from pgkern.rewards import TimeLimited, gsm8k, text_match

COMPLETIONS = ["#### 1", "#### 2", "1", "#### 3"]


def test_it_judges_the_column_of_golds() -> None:
    reward = reward_function("gsm8k")
    assert reward.__name__ == "gsm8k"
    judged = reward(prompts=["?"] * 4, completions=COMPLETIONS, answer=["1", "1", "1", "3"], completion_ids=[[0]] * 4)
    assert judged == [1, 0, 0, 1]
    assert reward_function(gsm8k, gold_column="gold")(["?"] * 4, COMPLETIONS, gold=["2"] * 4) == [0, 1, 0, 0]


def test_of_a_chat_it_judges_the_last_answer() -> None:
    def chat(*texts: Any) -> list[dict[str, Any]]:
        return [{"role": "assistant", "content": text} for text in texts]

    completions = [
        chat("#### 1"),
        chat("#### 2", "#### 1"),
        chat([{"type": "text", "text": "#### "}, {"type": "image"}, {"type": "text", "text": "1"}]),
        [*chat("#### 1"), {"role": "tool", "content": "#### 2"}],
        chat(None),
        [],
    ]
    assert reward_function("gsm8k")(["?"] * 6, completions, answer=["1"] * 6) == [1, 1, 1, 1, 0, 0]
    with pytest.raises(TypeError, match="a completion must be a str or a list of messages, got int"):
        reward_function("gsm8k")(["?"], [3], answer=["1"])


def test_columns_and_options_go_to_the_reward() -> None:
    completions = ["<answer>1 + 2</answer>", "<answer>4 - 1</answer>"]
    reward = reward_function("countdown", gold_column="target", columns={"numbers": "nums"}, at_most_once=True)
    assert reward(["?"] * 2, completions, target=[3, 3], nums=[[1, 2, 3], [1, 2, 3]], level=[1, 2]) == [1, 0]
    with pytest.raises(ValueError, match="the data set has no column 'nums' for countdown; it has target, level"):
        reward(["?"] * 2, completions, target=[3, 3], level=[1, 2])


def test_a_sample_without_a_gold_is_left_to_others() -> None:
    logged: dict[str, float] = {}
    judged = reward_function("gsm8k")(
        ["?"] * 4, COMPLETIONS, answer=["1", None, "1", "1"], log_metric=logged.__setitem__
    )
    assert judged == [1, None, 0, 0]
    assert logged == {
        "rewards/gsm8k/correct": pytest.approx(1 / 3),
        "rewards/gsm8k/no_answer": pytest.approx(1 / 3),
        "rewards/gsm8k/wrong": pytest.approx(1 / 3),
    }
    assert reward_function("gsm8k")(["?"], ["1"], answer=[None], log_metric=logged.__setitem__) == [None]


def test_under_a_time_limit(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(completion, gold):\n    return 1 / int(completion)")
    logged: dict[str, float] = {}
    with TimeLimited(f"{tmp_path}/mine.py:mine") as limited:
        reward = reward_function(limited)
        assert reward.__name__ == "mine"
        assert reward(["?"] * 2, ["0", "2"], answer=["", ""], log_metric=logged.__setitem__) == [0, 0.5]
    assert logged == {"rewards/mine/raised": 0.5, "rewards/mine/scored": 0.5}


def small_model() -> tuple[Any, Any]:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    words = ["<pad>", "<end>", "####", *map(str, range(5)), "what"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="what"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>")
    return Qwen3ForCausalLM(config), fast


def in_golds(completion: str, golds: list[str]) -> float:
    return text_match(completion, golds).reward


FAILING = """
import os

def failing(completion, golds):
    if completion == "0":
        raise ValueError("no zeros")
    if completion == "1":
        os._exit(1)
    return float("nan") if completion == "2" else 1.0
"""


def what_is_left(completion: str, golds: list[str]) -> float:
    return float(completion not in ("0", "1", "2"))


@pytest.mark.filterwarnings("ignore")  # TRL's and its libraries' own
def test_in_a_run_of_trl(tmp_path: Path) -> None:
    rows = run_of_trl(tmp_path, reward_function("text_match"), in_golds)
    for row in rows:
        assert row["rewards/text_match/correct"] == row["rewards/text_match/mean"]


@pytest.mark.filterwarnings("ignore")  # TRL's and its libraries' own
def test_a_function_that_fails_costs_a_run_of_trl_its_own_samples_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    with TimeLimited(f"{tmp_path}/mine.py:failing", workers=2) as limited:
        rows = run_of_trl(tmp_path, reward_function(limited), what_is_left)
    for outcome in ("raised", "died", "bad_value", "scored"):
        assert any(row.get(f"rewards/failing/{outcome}", 0) > 0 for row in rows)


def run_of_trl(tmp_path: Path, ours: Any, expected: Callable[[str, list[str]], float]) -> list[dict[str, float]]:
    """Two steps of GRPOTrainer: what it logs is the mean of what the reward says of the same completions."""
    pytest.importorskip("trl", reason="TRL is not installed")
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    model, tokenizer = small_model()
    seen: list[tuple[list[str], list[list[str]]]] = []

    def watched(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
        seen.append((list(completions), list(columns["answer"])))
        return ours(prompts, completions, **columns)

    watched.__name__ = ours.__name__
    trainer = GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=watched,
        train_dataset=Dataset.from_dict({"prompt": ["what"] * 8, "answer": [["0", "1", "2"], ["2", "3", "4"]] * 4}),
        args=GRPOConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=16,
            num_generations=8,
            max_completion_length=1,
            max_steps=2,
            seed=0,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            save_strategy="no",
            disable_tqdm=True,
        ),
    )
    trainer.train()
    mean = f"rewards/{ours.__name__}/mean"
    rows = [row for row in trainer.state.log_history if mean in row]
    assert len(rows) == len(seen) == 2
    for row, (completions, golds) in zip(rows, seen, strict=True):
        rewards = [expected(completion, gold) for completion, gold in zip(completions, golds, strict=True)]
        assert 0 < sum(rewards) < 16
        assert row[mean] == row["reward"] == pytest.approx(sum(rewards) / 16)
    return rows
