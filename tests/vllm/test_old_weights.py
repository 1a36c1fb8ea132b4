"""An engine that says it took the new weights and has old ones, in whole or in its output layer: the probe tells."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pgkern.rollout.engine import Prompt, Sampling
from pgkern.rollout.supervised_engine import SupervisedEngine
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica
from pgkern.rollout.weight_folder import kinds_of
from pgkern.rollout.weight_probe import WeightProbe

from .by_hand import largest_difference, load, log_probs

PROMPTS = [Prompt("", (10, 11, 12)), Prompt("", (20, 21))]
FORGETS = 2
HEAD = "lm_head.weight"


class Forgetful(WorkerReplica):
    """Loads version 2 under its number, but with some weights, or all, of version 1."""

    def __init__(self, *args: Any, kept: Path, only_head: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept, self._only_head = kept, only_head

    def load_folder(self, folder: Path, version: int) -> None:
        if version != FORGETS:
            shutil.copytree(folder, self._kept, dirs_exist_ok=True)
            super().load_folder(folder, version)
            return
        old, new = (load_file(path / "model.safetensors") for path in (self._kept, folder))
        mixed = {**new, HEAD: old[HEAD]} if self._only_head else old
        save_file(mixed, self._kept / "model.safetensors", metadata={"format": "pt"})
        super().load_folder(self._kept, version)


@pytest.mark.parametrize(
    ("only_head", "tolerance", "update", "told"),
    [
        (False, 1e-4, 1e-3, "it does not sample from the weights it was given"),
        (True, 1e-4, 1e-3, "it does not sample from the weights it was given"),
        (False, 0.1, 1e-3, "it has kept its old weights"),  # half precision's tolerance
        (True, 0.1, 0.3, "it does not sample from the weights it was given"),  # found where it makes more than that
    ],
)
def test_old_weights_are_noticed_and_a_new_engine_has_the_new_ones(
    vllm_host: WorkerHost,
    saved_models: dict[str, Path],
    tmp_path: Path,
    only_head: bool,
    tolerance: float,
    update: float,
    told: str,
) -> None:
    arguments = VllmArguments(str(saved_models["untied"]), max_model_len=256, kv_cache_mib=64)
    model = load(saved_models["untied"])
    weights = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    events: list[tuple[str, str]] = []
    forgetful = iter([True])

    def build() -> WorkerReplica:
        if next(forgetful, False):
            return Forgetful(vllm_host, arguments, kept=tmp_path / "kept", only_head=only_head)
        return WorkerReplica(vllm_host, arguments)

    engine = SupervisedEngine(
        [build],
        folder=tmp_path / "weights",
        expected=kinds_of(weights.items()),
        probe=WeightProbe(
            PROMPTS,
            Sampling(max_tokens=8, stop=None),
            lambda rollouts: [log_probs(model, rollout) for rollout in rollouts],
            tolerance=tolerance,
        ),
        on_event=lambda *event: events.append(event),
    )
    generator = torch.Generator().manual_seed(0)
    try:
        for version in (1, FORGETS, 3):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(update * torch.randn(parameter.shape, generator=generator))
            engine.load_weights(weights.items(), version)
            rollouts = list(engine.generate(PROMPTS, Sampling(num_samples=4, max_tokens=8, stop=None)))
            assert {rollout.weights_version for rollout in rollouts} == {version}
            assert largest_difference(model, rollouts) < 5e-5  # weights of the version before are further off
            assert [name for name, _ in events] == ([] if version < FORGETS else ["engine_failed", "engine_rebuilt"])
    finally:
        engine.close()
    assert told in events[0][1]
