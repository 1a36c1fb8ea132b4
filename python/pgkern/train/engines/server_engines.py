"""The configured vLLM servers: those that run already, or those that are started."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...rollout.cancellation import Cancellation
from ...rollout.replica import Replica
from ...rollout.transformers_engine import end_token_ids
from ...rollout.vllm.arguments import VllmArguments
from ...rollout.vllm.concurrent_posts import connections_each
from ...rollout.vllm.nccl_push import NcclPush, own_address
from ...rollout.vllm.server_replica import ServerReplica
from ..config import TrainConfig
from ..model.policy_model import Policy


def server_factories(
    config: TrainConfig,
    policy: Policy,
    arguments: VllmArguments,
    folder: Path,
    python: Callable[[], str],
    cancellation: Cancellation,
) -> list[Callable[[], Replica]]:
    """One for each server. `python` gives the interpreter with vLLM; `folder` is for what is printed."""
    settings = config.vllm
    by_nccl = settings.weight_transfer == "nccl"
    shared: dict[str, Any] = {
        "decode": partial(policy.tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False),
        "end_token_ids": end_token_ids(policy.model, policy.tokenizer),
        "connections": min(config.rollouts.batch_size, connections_each(len(settings.urls) or settings.servers)),
        "deadline_s": settings.deadline_s,
        "cancellation": cancellation,
    }

    def push(number: int, address: str) -> dict[str, Any]:
        if not by_nccl:
            return {}
        log = folder / f"sender-{number}.log"
        deadline_s = settings.deadline_s
        return {
            "weight_push": partial(
                NcclPush, python(), master_address=own_address(address), log=log, deadline_s=deadline_s
            )
        }

    if settings.urls:
        return [running_server(url, {**shared, **push(number, url)}) for number, url in enumerate(settings.urls, 1)]
    return [
        partial(
            ServerReplica.start,
            python(),
            replace(
                arguments,
                gpu=settings.gpus[number - 1] if settings.gpus else None,
                weight_transfer="nccl" if by_nccl else None,
            ),
            folder / f"server-{number}.log",
            start_deadline_s=settings.start_deadline_s,
            **shared,
            **push(number, "unix:"),
        )
        for number in range(1, settings.servers + 1)
    ]


def running_server(url: str, arguments: dict[str, Any]) -> Callable[[], Replica]:
    """A factory for a server that others started: where they restart it, it needs as much room as it had at first."""
    room = 0

    def replica() -> Replica:
        nonlocal room
        found = ServerReplica(url, **arguments, least_model_len=room)
        room = found.max_model_len
        return found

    return replica
