"""The real vLLM as a server: what it samples, the weights it is pushed, and what it is asked in vain."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pgkern.rollout.engine import EngineFailedError, Prompt, Sampling
from pgkern.rollout.replica import Request
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.rollout.vllm.server_connection import ask_for_text
from pgkern.rollout.vllm.server_replica import ServerReplica

from ..by_hand import answers, largest_difference, load, requests, say_with_special, write_weights
from ..processes import comes_true
from .processes import server_processes
from .servers import OtherServer

DEADLINE_S = 60.0


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probs_are_the_trainers_at_the_sampling_temperature(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path, temperature: float
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 3)
    sampling = Sampling(temperature=temperature, max_tokens=24)
    rollouts = list(answers(replica, requests(prompts, 8), sampling).values())
    assert {rollout.weights_version for rollout in rollouts} == {3}
    assert largest_difference(model, rollouts, temperature) < 1e-5 / temperature  # a logit's error is divided by it


def test_greedy_is_transformers_greedy_with_log_probs_at_temperature_1(
    replica: ServerReplica,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[Prompt],
    tmp_path: Path,
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 0)
    sampling = Sampling(temperature=0.0, max_tokens=16)
    expected = {r.prompt_index: r for r in TransformersEngine(model, tokenizer).generate(prompts, sampling)}
    for rollout in replica.generate(requests(prompts), sampling, DEADLINE_S):
        other = expected[rollout.prompt_index]
        assert rollout.log_probs == pytest.approx(other.log_probs, abs=1e-5)
        assert replace(rollout, log_probs=()) == replace(other, log_probs=())


def test_a_seed_gives_its_tokens_in_any_company(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 0)
    asked, sampling = requests(prompts, 8), Sampling(max_tokens=16)
    together = answers(replica, asked, sampling)
    assert len({rollout.response_ids for rollout in together.values()}) > 12  # seeds differ, and so do samples
    for request in asked[5::7]:
        (alone,) = replica.generate([request], sampling, DEADLINE_S)
        assert alone == together[request.prompt_index, request.sample_index]


def test_the_server_computes_with_one_thread_wherever_the_system_puts_it(replica: ServerReplica) -> None:
    found = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in server_processes(replica.address)]
    assert b"OMP_NUM_THREADS=1" in found[0]
    for variables in found:
        # Some write their titles over the beginning of what they have inherited.
        assert b"OMP_NUM_THREADS=1" in variables or not variables[0]
        assert not [variable for variable in variables if variable.startswith((b"OMP_PLACES", b"OMP_PROC_BIND"))]


def test_a_response_ends_with_its_stop_text_or_end_token_and_keeps_it(
    replica: ServerReplica,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[Prompt],
    tmp_path: Path,
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 0)
    (drawn,) = replica.generate(requests(prompts[:1]), Sampling(max_tokens=12, stop=None), DEADLINE_S)
    stop = tokenizer.decode(drawn.response_ids[4:6])
    (stopped,) = replica.generate(requests(prompts[:1]), Sampling(max_tokens=12, stop=stop), DEADLINE_S)
    assert stopped.finish_reason == "stop"
    assert stop in stopped.response
    assert stopped.response_ids == drawn.response_ids[: len(stopped.response_ids)]
    assert stopped.response == tokenizer.decode(stopped.response_ids, skip_special_tokens=True)
    end = tokenizer.eos_token_id
    with torch.no_grad():  # a model whose next token is the end of text, whatever came before
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.ones_like(parameter) if "norm" in name else torch.zeros_like(parameter))
        model.get_input_embeddings().weight.fill_(0.5)
        model.get_input_embeddings().weight[end] = 2.0
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    for rollout in replica.generate(requests(prompts), Sampling(max_tokens=12), DEADLINE_S):
        assert (rollout.response_ids, rollout.response, rollout.finish_reason) == ((end,), "", "stop")


def test_a_special_token_as_the_stop_text_ends_a_response_and_has_no_text(
    other_server: OtherServer, saved_models: dict[str, Path], tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    model, special = load(saved_models["untied"]), "<pad>"  # one that does not end a text by itself
    script = say_with_special(model, tokenizer, special)
    replica = ServerReplica(other_server.address(), partial(tokenizer.decode, skip_special_tokens=True))
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    sampling = Sampling(max_tokens=12, stop=special)
    (rollout,) = replica.generate(requests([Prompt("7", (script[0],))]), sampling, DEADLINE_S)
    assert (rollout.response, rollout.finish_reason) == ("+8", "stop")
    assert list(rollout.response_ids) == script[1:4]


@pytest.mark.parametrize("head", ["tied", "untied"])
def test_20_pushes_each_with_the_trainers_log_probs(
    request: pytest.FixtureRequest, saved_models: dict[str, Path], prompts: list[Prompt], tmp_path: Path, head: str
) -> None:
    if head == "tied":
        replica = request.getfixturevalue("replica")
    else:
        replica = ServerReplica(request.getfixturevalue("other_server").address(), lambda ids: "")
    model = load(saved_models[head])
    # A long common prefix: keys and values of old weights, were they kept, would be seen.
    prefix = tuple(range(3, 103))
    long = [Prompt("", prefix + prompt.token_ids) for prompt in prompts]
    torch.manual_seed(0)
    for version in range(1, 21):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
        replica.load_folder(write_weights(tmp_path / "weights", model), version)
        assert replica.version() == version
        rollouts = list(replica.generate(requests(long, 2), Sampling(max_tokens=8), DEADLINE_S))
        assert {rollout.weights_version for rollout in rollouts} == {version}
        assert largest_difference(model, rollouts, 1.0) < 1e-5


def test_weights_that_somebody_else_pushed_have_no_version_of_ours(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 4)
    other = ServerReplica(replica.address, lambda ids: "")
    assert other.version() == -1
    other.load_folder(tmp_path / "weights", 4)
    assert other.version() == 4
    assert replica.version() == -1
    rollouts = replica.generate(requests(prompts), Sampling(max_tokens=4), DEADLINE_S)
    assert {rollout.weights_version for rollout in rollouts} == {-1}


def test_weights_that_change_while_it_generates_are_noticed(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    rollouts = replica.generate(requests(prompts, 64), Sampling(max_tokens=128, stop=None), DEADLINE_S)
    next(rollouts)
    ServerReplica(replica.address, lambda ids: "").load_folder(tmp_path / "weights", 1)
    with pytest.raises(EngineFailedError, match="changed while it generated"):
        list(rollouts)


def test_a_torn_push_leaves_no_version(replica: ServerReplica, model: PreTrainedModel, tmp_path: Path) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    whole = (tmp_path / "weights" / "model.safetensors").read_bytes()
    (tmp_path / "weights" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EngineFailedError, match=r"/collective_rpc .* gave HTTP status 500(.|\n)*The end of its log"):
        replica.load_folder(tmp_path / "weights", 2)
    assert replica.version() == -1


def test_logits_that_are_not_finite_are_a_floating_point_error(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    with torch.no_grad():
        model.model.norm.weight.fill_(torch.nan)
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    with pytest.raises(FloatingPointError, match="nothing to sample from"):
        list(replica.generate(requests(prompts), Sampling(max_tokens=4), DEADLINE_S))


def test_iteration_that_ends_early_aborts_what_is_in_flight(
    replica: ServerReplica, model: PreTrainedModel, prompts: list[Prompt], tmp_path: Path
) -> None:
    replica.load_folder(write_weights(tmp_path / "weights", model), 0)
    rollouts = replica.generate(requests(prompts, 64), Sampling(max_tokens=128, stop=None), DEADLINE_S)
    next(rollouts)
    rollouts.close()
    assert comes_true(lambda: not number_of_running(replica))
    assert len(list(replica.generate(requests(prompts), Sampling(max_tokens=4), DEADLINE_S))) == 3


def number_of_running(replica: ServerReplica) -> float:
    metrics = ask_for_text(replica.address, "GET", "/metrics", timeout_s=10.0)
    names = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(names))


@pytest.mark.parametrize(
    ("token_ids", "sampling", "message"),
    [
        ((), Sampling(), "prompt 0 has no tokens"),
        (
            (5, 6, 7),
            Sampling(max_tokens=254),
            "prompt 0 has 3 tokens and max_tokens is 254; .* max_model_len, 256",
        ),
        ((5, 6, 7), Sampling(temperature=0.005, max_tokens=4), "temperature is 0.005"),
        ((5, 999_999), Sampling(max_tokens=4), "HTTP status 400.*out of vocabulary"),
    ],
)
def test_a_callers_mistake_is_a_value_error(
    replica: ServerReplica, token_ids: tuple[int, ...], sampling: Sampling, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        list(replica.generate([Request(0, 0, Prompt("", token_ids), seed=0)], sampling, DEADLINE_S))


def test_the_longest_that_fits_is_sampled_whole(replica: ServerReplica) -> None:
    request = Request(0, 0, Prompt("", tuple(range(3, 203))), seed=0)
    (rollout,) = replica.generate([request], Sampling(max_tokens=56, stop=None), DEADLINE_S)
    assert len(rollout.response_ids) == 56 or rollout.finish_reason == "stop"


def test_nothing_is_asked_for_and_nothing_comes(replica: ServerReplica) -> None:
    assert list(replica.generate([], Sampling(), DEADLINE_S)) == []
