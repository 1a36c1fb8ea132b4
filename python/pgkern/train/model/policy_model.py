"""The policy that is trained: a causal language model taken apart into hidden states and head, and its tokenizer.

Names: T packed tokens, D hidden size, V vocabulary.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from ...data.problem import Problem
from ...data.prompts import PromptFormat
from ...policy.lm_head_arguments import lm_head_arguments
from ...rollout.engine import Prompt
from ..config import TrainConfig
from ..seeds import derive_seed
from .lora import add_lora, load_lora, merged_weights, save_lora
from .micro_batches import MicroBatch
from .prompt import prompt_of, prompt_text, solution_ids
from .row_layout import dense_crossover, padding_is_cheaper
from .small_model import build_model, build_tokenizer

if TYPE_CHECKING:
    from peft import PeftModel

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_TOKENIZER_TEXTS = 2_000  # problems whose text the small model's tokenizer is built from


# In vLLM these have no output layer beside the embeddings, and refuse one; others want it named, tied or not, and keep
# their old one without.
_NO_TIED_HEAD = ("gemma2",)


def as_engines_take_them(
    config: PretrainedConfig, weights: Iterable[tuple[str, Tensor]]
) -> Iterator[tuple[str, Tensor]]:
    """A model's weights but for those that an engine with a model of its own has no place for."""
    left_out = "lm_head.weight" if config.model_type in _NO_TIED_HEAD and config.tie_word_embeddings else None
    return ((name, tensor) for name, tensor in weights if name != left_out)


@dataclass(frozen=True)
class Policy:
    """π_θ(a|s) = softmax(hidden(s) · weightᵀ)_a (primer eq. 3)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    template: PromptFormat
    adapters: "PeftModel | None" = None
    """What saves and loads the adapters within `model`, where it has any; they alone are trained then."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def head(self) -> torch.nn.Linear:
        """The output layer: `weight` `[V, D]`, and `bias` `[V]` or None."""
        head: torch.nn.Linear = self.model.get_output_embeddings()
        return head

    def logit_arguments(self, temperature: float) -> dict[str, Any]:
        """What the fused losses take of the way from hidden states to logits: head, its adapters, caps and scales."""
        config = self.model.config
        # Cohere multiplies its logits and Granite divides them, which a temperature does as well.
        scale = (getattr(config, "logit_scale", None) or 1.0) / (getattr(config, "logits_scaling", None) or 1.0)
        softcap = getattr(config, "final_logit_softcapping", None)
        return {**lm_head_arguments(self.head), "temperature": temperature / scale, "softcap": softcap}

    def weights(self) -> Iterable[tuple[str, Tensor]]:
        """Every weight of a model without adapters that is this policy, by its name, as a rollout engine takes them."""
        return as_engines_take_them(self.model.config, merged_weights(self.model))

    def save(self, folder: Path) -> None:
        """Write what transformers loads: model and tokenizer, or adapters with the path of their base."""
        if self.adapters is None:
            with _no_progress_bar():
                self.model.save_pretrained(folder)
        else:
            save_lora(self.adapters, folder)
        self.tokenizer.save_pretrained(folder)

    def prompt(self, problem: Problem) -> Prompt:
        """The problem in the run's template, as text and as token ids."""
        return prompt_of(self.tokenizer, self.template, problem.question)

    def prompt_text(self, problem: Problem) -> str:
        """The text of `prompt`, without the cost of its tokens."""
        return prompt_text(self.tokenizer, self.template, problem.question)

    def token_texts(self, token_ids: Sequence[int]) -> list[str]:
        """Each token's own text; characters that span tokens show as replacement characters."""
        return [str(self.tokenizer.decode([token])) for token in token_ids]

    def solution_ids(self, problem: Problem, stop: str | None = "</answer>") -> tuple[int, ...]:
        """Token ids of the worked solution that continues the prompt, up to and with what ends a response."""
        assert problem.solution is not None  # `check_solutions` has looked
        return solution_ids(self.tokenizer, problem.solution, stop)

    def hidden(self, batch: MicroBatch) -> Tensor:
        """`[T, D]` hidden states of a packed row; attention does not cross from one sequence into the next."""
        lengths = batch.collated.lengths.tolist()
        crossover = self._dense_crossover
        if crossover is not None and padding_is_cheaper(lengths, crossover):
            longest = max(lengths)
            places_T = batch.sequence_ids_T * longest + batch.positions_T
            ids_SL = batch.token_ids_T.new_zeros(len(lengths) * longest).index_copy(0, places_T, batch.token_ids_T)
            # Causal attention: no token sees what fills up its sequence on the right.
            output = self.model.base_model(input_ids=ids_SL.view(len(lengths), longest), use_cache=False)
            filled_TD: Tensor = output.last_hidden_state.flatten(0, 1).index_select(0, places_T)
            return filled_TD
        output = self.model.base_model(  # packed sequences are told apart by their positions
            input_ids=batch.token_ids_T[None], position_ids=batch.positions_T[None], use_cache=False
        )
        hidden_TD: Tensor = output.last_hidden_state[0]
        return hidden_TD

    @cached_property
    def _dense_crossover(self) -> int | None:
        return dense_crossover(self.model.base_model, self.model.config.get_text_config())


def new_policy(config: TrainConfig, problems: list[Problem]) -> Policy:
    """The configuration's policy before any training: loaded from `model.path`, or small and from scratch.

    With a `lora.rank` it has fresh adapters. Raises `ValueError` for a path without a model.
    """
    if config.model.path is not None:
        policy = load_policy(Path(config.model.path), config)
        if config.lora.rank is None:
            return policy
        if policy.adapters is not None:
            raise ValueError(f"{config.model.path} has adapters already: leave lora.rank out to go on with them")
        return replace(policy, adapters=add_lora(policy.model, config.lora, config.run.seed))
    template = config.data.prompt_format()
    texts = (template.render(problem.question) + (problem.solution or "") for problem in problems[:_TOKENIZER_TEXTS])
    tokenizer = build_tokenizer(texts, config.model.vocabulary_size)
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(config.run.seed, "weights"))
        model = build_model(config.model, tokenizer)
    return _placed(Policy(model, tokenizer, template), config)


def load_policy(folder: Path, config: TrainConfig) -> Policy:
    """A policy from a folder that holds a transformers model and its tokenizer. Raises `ValueError` when it is none.

    The base of adapters is where they say, or where nothing is there any more at the configuration's `model.path`.
    """
    adapted = (folder / "adapter_config.json").is_file()
    base = _base_of_adapters(folder, config.model.path) if adapted else folder
    if not (base / "config.json").is_file():
        raise ValueError(f"{base} holds no model: there is no config.json in it")
    model = AutoModelForCausalLM.from_pretrained(base.resolve())  # a link may lead elsewhere when adapters are saved
    policy = _placed(Policy(model, AutoTokenizer.from_pretrained(folder), config.data.prompt_format()), config)
    return replace(policy, adapters=load_lora(policy.model, folder)) if adapted else policy


def _base_of_adapters(folder: Path, moved_to: str | None) -> Path:
    base = Path(json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"])
    if (base / "config.json").is_file():
        return base
    if moved_to is not None and (Path(moved_to) / "config.json").is_file():
        return Path(moved_to)
    raise ValueError(
        f"the base of the adapters in {folder} is not at {base} any more: there is no config.json in it; "
        "set model.path to where it is now"
    )


def _placed(policy: Policy, config: TrainConfig) -> Policy:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    policy.model.to(device=device, dtype=_DTYPES[config.model.precision])  # type: ignore[call-arg]
    policy.model.eval()  # dropout would make the ratio of old to new log-probabilities another than 1
    return policy


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Transformers would draw its own over the run's."""
    if not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
