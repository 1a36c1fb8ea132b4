"""Real servers that all tests share, what they serve as the trainer has it, and prompts."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from pgkern.rollout.engine import Prompt
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.server_replica import ServerReplica

from .servers import OtherServer, OwnServer


@pytest.fixture(scope="session")
def tokenizer(saved_models: dict[str, Path]) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(saved_models["tied"])


@pytest.fixture
def model(saved_models: dict[str, Path]) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(saved_models["tied"]).eval()


@pytest.fixture(scope="session")
def arguments(saved_models: dict[str, Path]) -> VllmArguments:
    return VllmArguments(str(saved_models["tied"]), max_model_len=256, kv_cache_mib=64)


@pytest.fixture(scope="session")
def own_server(
    vllm_python: Path,
    arguments: VllmArguments,
    tokenizer: PreTrainedTokenizerBase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OwnServer]:
    decode = partial(tokenizer.decode, skip_special_tokens=True)
    server = OwnServer(str(vllm_python), arguments, tmp_path_factory.mktemp("server") / "server.log", decode)
    yield server
    server.close()


@pytest.fixture
def replica(own_server: OwnServer) -> ServerReplica:
    return own_server.replica()


@pytest.fixture(scope="session")
def other_server(
    vllm_python: Path, saved_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OtherServer]:
    """Of a model whose head is not its embeddings: it takes the weights of both."""
    server = OtherServer(str(vllm_python), saved_models["untied"], tmp_path_factory.mktemp("other") / "server.log")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def prompts(tokenizer: PreTrainedTokenizerBase) -> list[Prompt]:
    texts = ["What is 12 + 34?", "Say it again, please: 7 + 8? <think>", "+"]
    return [Prompt(text, tuple(tokenizer(text)["input_ids"])) for text in texts]
