"""Whether the longest prompt and a response of `rollouts.max_tokens` fit into what the engine takes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import track
from transformers import PreTrainedConfig

from ...data.problem import Problem
from ..config import TrainConfig
from ..model.policy_model import Policy

_ROOM_FOR_PROMPTS = 2048  # tokens, where vllm.max_model_len does not say
_MARKS = 8  # tokens that a tokenizer may put around a text
_MANY = 20_000  # problems, whose prompts take seconds
_SHOWN = 60  # characters of a question


def engine_room(config: TrainConfig, policy: Policy) -> int | None:
    """How many tokens of prompt and response together the engine takes; None where nothing bounds them.

    The trained module itself goes past its positions where these are rotations, and fails where they are learned. vLLM
    refuses both.

    Raises `ValueError` for a `vllm.max_model_len` above the model's positions.
    """
    positions, wanted = _positions(policy.model.config), config.vllm.max_model_len
    if config.engine == "transformers":
        return None if _rotary(policy.model.config) else positions
    if wanted is not None and positions is not None and wanted > positions:
        raise ValueError(f"vllm.max_model_len is {wanted}, and the model has {positions} positions")
    if wanted is None and not config.vllm.urls:  # servers that run already have a bound of their own, which they tell
        wanted = config.rollouts.max_tokens + _ROOM_FOR_PROMPTS
    bounds = [bound for bound in (wanted, positions) if bound is not None]
    return min(bounds, default=None)


def check_room(config: TrainConfig, policy: Policy, problems: Mapping[str, Sequence[Problem]]) -> None:
    """Raise `ValueError` where a prompt leaves no room for `rollouts.max_tokens`, and where `engine_room` does.

    `problems` by what they are for. Only prompts that have as many bytes as there is room for tokens are tokenised: a
    token is of one byte at least.
    """
    room = engine_room(config, policy)
    if room is None:
        return
    left = room - config.rollouts.max_tokens
    longest, where, question = 0, "", ""
    total = sum(map(len, problems.values()))
    seen = track(
        ((kind, index, problem) for kind, some in problems.items() for index, problem in enumerate(some)),
        "measuring the prompts",
        total,
        console=Console(stderr=True),
        transient=True,
        disable=total < _MANY,
    )
    for kind, index, problem in seen:
        if len(policy.prompt_text(problem).encode()) + _MARKS <= max(left, longest):
            continue
        length = len(policy.prompt(problem).token_ids)
        if length > longest:
            longest, where, question = length, f"{kind} problem {index}".lstrip(), problem.question
    if longest > left:
        raise ValueError(
            f"{where} ({question[:_SHOWN]!r}) has a prompt of {longest} tokens, the longest: with rollouts.max_tokens "
            f"({config.rollouts.max_tokens}) more than {_bound(config, policy, room)}"
        )


def _bound(config: TrainConfig, policy: Policy, room: int) -> str:
    positions = _positions(policy.model.config)
    if room == positions:
        larger = ", raise model.max_positions" if config.model.path is None else ""
        return f"the model's {room} positions: lower rollouts.max_tokens{larger} or leave the problem out"
    if config.vllm.max_model_len is None:
        return f"the {room} tokens that the engine is started for: set vllm.max_model_len"
    return f"vllm.max_model_len ({room}): raise it, lower rollouts.max_tokens or leave the problem out"


def _rotary(model_config: PreTrainedConfig) -> bool:
    return getattr(model_config.get_text_config(), "rope_parameters", None) is not None


def _positions(model_config: PreTrainedConfig) -> int | None:
    """How many positions the model knows; stretched ones count, which some ways to stretch them leave to a factor."""
    text_config = model_config.get_text_config()
    positions = getattr(text_config, "max_position_embeddings", None)
    stretched = getattr(text_config, "rope_parameters", None) or {}
    if positions is not None and stretched.get("rope_type") in ("linear", "dynamic"):
        return int(positions * (stretched.get("factor") or 1.0))
    return positions
