"""The policy that is trained: a causal language model taken apart into hidden states and head, and its tokenizer.

Names: T packed tokens, D hidden size, V vocabulary.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ..data.problem import Problem
from ..data.prompts import render
from ..rollout.engine import Prompt
from .config import TrainConfig
from .lora import add_lora, load_lora, save_lora
from .micro_batches import MicroBatch
from .seeds import derive_seed
from .small_model import build_model, build_tokenizer

if TYPE_CHECKING:
    from peft import PeftModel

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_HEAD_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "logits_scaling")
_TOKENIZER_TEXTS = 2_000  # problems whose text the small model's tokenizer is built from


@dataclass(frozen=True)
class Policy:
    """π_θ(a|s) = softmax(hidden(s) · weightᵀ)_a (primer eq. 3)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    template: str
    adapters: "PeftModel | None" = None
    """What saves and loads the adapters within `model`, where it has any; they alone are trained then."""

    def __post_init__(self) -> None:
        for name in _HEAD_TRANSFORMS:
            if getattr(self.model.config, name, None) not in (None, 1.0):
                raise ValueError(f"this model transforms its logits ({name}), which the fused loss does not do yet")

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def head(self) -> torch.nn.Linear:
        """The output layer: `weight` `[V, D]`, and `bias` `[V]` or None."""
        head: torch.nn.Linear = self.model.get_output_embeddings()
        return head

    def weights(self) -> Iterable[tuple[str, Tensor]]:
        """Every weight by its name, as a rollout engine takes them."""
        return self.model.state_dict().items()

    def save(self, folder: Path) -> None:
        """Write what transformers loads: model and tokenizer, or adapters with the path of their base."""
        if self.adapters is None:
            self.model.save_pretrained(folder)
        else:
            save_lora(self.adapters, folder)
        self.tokenizer.save_pretrained(folder)

    def prompt(self, problem: Problem) -> Prompt:
        """The problem in the run's template, as text and as token ids."""
        text = render(self.template, problem.question)
        return Prompt(text, tuple(self.tokenizer(text).input_ids))

    def token_texts(self, token_ids: Sequence[int]) -> list[str]:
        """Each token's own text; characters that span tokens show as replacement characters."""
        return [str(self.tokenizer.decode([token])) for token in token_ids]

    def solution_ids(self, problem: Problem) -> tuple[int, ...]:
        """Token ids of the worked solution that continues the prompt."""
        assert problem.solution is not None  # `check_solutions` has looked
        return tuple(self.tokenizer(problem.solution, add_special_tokens=False).input_ids)

    def hidden(self, batch: MicroBatch) -> Tensor:
        """`[T, D]` hidden states of a packed row; attention does not cross from one sequence into the next."""
        output = self.model.base_model(  # packed sequences are told apart by their positions
            input_ids=batch.token_ids_T[None], position_ids=batch.positions_T[None], use_cache=False
        )
        hidden_TD: Tensor = output.last_hidden_state[0]
        return hidden_TD


def new_policy(config: TrainConfig, problems: list[Problem]) -> Policy:
    """The configuration's policy before any training: loaded from `model.path`, or small and from scratch."""
    if config.model.path is not None:
        return load_policy(Path(config.model.path), config)
    texts = (
        render(config.data.prompt, problem.question) + (problem.solution or "")
        for problem in problems[:_TOKENIZER_TEXTS]
    )
    tokenizer = build_tokenizer(texts, config.model.vocabulary_size)
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(config.run.seed, "weights"))
        model = build_model(config.model, tokenizer)
    return _placed(Policy(model, tokenizer, config.data.prompt), config)


def load_policy(folder: Path, config: TrainConfig) -> Policy:
    """A policy from a folder that holds a transformers model and its tokenizer. Raises `ValueError` when it is none."""
    adapted = (folder / "adapter_config.json").is_file()
    base = (
        Path(json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]) if adapted else folder
    )
    if not (base / "config.json").is_file():
        raise ValueError(f"{base} holds no model: there is no config.json in it")
    model = AutoModelForCausalLM.from_pretrained(base)
    policy = _placed(Policy(model, AutoTokenizer.from_pretrained(folder), config.data.prompt), config)
    return replace(policy, adapters=load_lora(policy.model, folder)) if adapted else policy


def with_adapters(policy: Policy, config: TrainConfig, base: Path) -> Policy:
    """The policy with fresh adapters where the configuration has a rank; a model from scratch is kept in `base`."""
    if config.lora.rank is None:
        return policy
    if config.model.path is None:
        policy.model.save_pretrained(base)
        policy.model.name_or_path = str(base)
    return replace(policy, adapters=add_lora(policy.model, config.lora, config.run.seed))


def _placed(policy: Policy, config: TrainConfig) -> Policy:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    policy.model.to(device=device, dtype=_DTYPES[config.model.precision])  # type: ignore[call-arg]
    policy.model.eval()  # dropout would make the ratio of old to new log-probabilities another than 1
    return policy
