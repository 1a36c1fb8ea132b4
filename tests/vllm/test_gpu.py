"""A colocated worker on a GPU: it sleeps while the trainer steps, and reads the trainer's weights where they are.

And a server on another GPU, which is sent them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from pgkern.rollout.engine import Prompt, Sampling
from pgkern.rollout.replica import Replica
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.nccl_push import NcclPush
from pgkern.rollout.vllm.server_replica import ServerReplica
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

from .by_hand import answers, load, log_probs, requests, write_weights
from .processes import running_in_sessions

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

PROMPTS = [Prompt("", (10, 11, 12)), Prompt("", tuple(range(20, 120)) * 2)]


@pytest.fixture(scope="module")
def replica(vllm_python: Path, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[WorkerReplica]:
    host = WorkerHost(vllm_python, log=tmp_path_factory.mktemp("vllm") / "worker.log", fork=False)
    arguments = VllmArguments(
        str(model_folder),
        device="cuda",
        max_model_len=256,
        gpu_memory_share=0.2,
        load_format="dummy",
        sleep_mode=True,
        weight_transfer="ipc",
    )
    replica = WorkerReplica(host, arguments)
    yield replica
    host.close()
    assert not running_in_sessions([replica.pid])


def mean_difference(model: PreTrainedModel, replica: Replica) -> float:
    """Between the engine's log-probs, by its kernels, and transformers' on the CPU; rounding makes some 1e-3."""
    rollouts = answers(replica, requests(PROMPTS, num_samples=8), Sampling(max_tokens=24)).values()
    pairs = [pair for rollout in rollouts for pair in zip(rollout.log_probs, log_probs(model, rollout), strict=True)]
    return sum(abs(engine - hand) for engine, hand in pairs) / len(pairs)


def test_weights_are_read_from_the_trainers_memory_after_every_push_and_every_sleep(
    replica: WorkerReplica, model_folder: Path
) -> None:
    model = load(model_folder)
    for version in range(1, 6):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * parameter.std() * torch.randn_like(parameter))
        on_gpu = {name: tensor.to("cuda") for name, tensor in model.state_dict().items()}
        replica.load_shared(on_gpu.items(), version)
        assert replica.version() == version
        assert mean_difference(model, replica) < 5e-3
        replica.sleep()
        replica.wake_up()
        assert mean_difference(model, replica) < 5e-3


def test_sleeping_gives_memory_back(replica: WorkerReplica) -> None:
    awake, _ = torch.cuda.mem_get_info()
    replica.sleep()
    asleep, total = torch.cuda.mem_get_info()
    replica.wake_up()
    assert asleep - awake > 0.1 * total


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one CUDA device; the server needs its own")
def test_weights_are_sent_to_a_server_on_another_gpu(
    vllm_python: Path, saved_models: dict[str, Path], tmp_path: Path
) -> None:
    model = load(saved_models["tied"])
    arguments = VllmArguments(
        str(saved_models["tied"]),
        device="cuda",
        max_model_len=256,
        gpu_memory_share=0.2,
        load_format="dummy",
        gpu=1,
        weight_transfer="nccl",
    )
    push = partial(NcclPush, str(vllm_python), master_address="127.0.0.1", log=tmp_path / "sender.log")
    replica = ServerReplica.start(
        str(vllm_python), arguments, tmp_path / "server.log", lambda ids: "", weight_push=push
    )
    try:
        for version in range(1, 6):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.2 * parameter.std() * torch.randn_like(parameter))
            replica.load_folder(write_weights(tmp_path / "weights", model), version)
            assert replica.version() == version
            assert mean_difference(model, replica) < 5e-3
    finally:
        replica.close()
