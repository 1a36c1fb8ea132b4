"""The real vLLM in its process against transformers: the same contract, the same numbers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from pgkern.rollout.engine import Prompt, Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.local import NOTHING_PUSHED
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica

from .by_hand import answers, largest_difference, load, make_it_say, requests, say_with_special, write_weights

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def replica(vllm_host: WorkerHost, model_folder: Path) -> Iterator[WorkerReplica]:
    replica = WorkerReplica(vllm_host, VllmArguments(str(model_folder), max_model_len=320, kv_cache_mib=64))
    yield replica
    replica.close()


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(model_folder)


@pytest.fixture(scope="module")
def prompts(tokenizer: PreTrainedTokenizerBase) -> list[Prompt]:
    texts = ["What is 12 + 34?", "Say it again, please: 7 + 8?", "What is 1 + 2? " * 30]  # the last fills cache blocks
    return [Prompt(text, tuple(tokenizer(text).input_ids)) for text in texts]


@pytest.fixture(autouse=True)
def first_weights(replica: WorkerReplica, model_folder: Path, tmp_path: Path) -> None:
    """Every test begins with the folder's own weights, whatever the one before has pushed.

    The folder itself would leave a tied head as it was: it does not name it, and vLLM, once pushed to, holds it apart.
    """
    if replica.version() != NOTHING_PUSHED:
        replica.load_folder(write_weights(tmp_path / "first", load(model_folder)), 0)


@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7])
def test_log_probs_are_the_trainers_at_the_sampling_temperature(
    replica: WorkerReplica, model_folder: Path, prompts: list[Prompt], temperature: float
) -> None:
    sampling = Sampling(temperature=temperature, max_tokens=24)
    rollouts = answers(replica, requests(prompts, num_samples=8), sampling)
    assert largest_difference(load(model_folder), list(rollouts.values()), temperature) < TOLERANCE / temperature
    for (prompt_index, _), rollout in rollouts.items():
        assert rollout.prompt is prompts[prompt_index]
    assert len({rollout.response_ids for rollout in rollouts.values()}) == len(rollouts)


def test_more_prompts_than_are_read_at_once(replica: WorkerReplica, model_folder: Path, prompts: list[Prompt]) -> None:
    length = len(prompts[2].token_ids)
    different = [Prompt("", (number + 5, *prompts[2].token_ids)) for number in range(2048 // length + 2)]
    rollouts = answers(replica, requests(different), Sampling(max_tokens=8))
    assert largest_difference(load(model_folder), list(rollouts.values())) < TOLERANCE
    (alone,) = answers(replica, requests(different)[-1:], Sampling(max_tokens=8)).values()
    assert alone == rollouts[len(different) - 1, 0]


def test_greedy_takes_the_likeliest_token_and_tells_its_log_prob_at_temperature_1(
    replica: WorkerReplica, model_folder: Path, prompts: list[Prompt]
) -> None:
    model = load(model_folder)
    rollouts = answers(replica, requests(prompts), Sampling(temperature=0.0, max_tokens=8))
    assert largest_difference(model, list(rollouts.values())) < TOLERANCE
    for rollout in rollouts.values():
        ids = torch.tensor([[*rollout.prompt.token_ids, *rollout.response_ids]])
        start = len(rollout.prompt.token_ids) - 1
        assert model(ids).logits[0, start:-1].argmax(-1).tolist() == list(rollout.response_ids)


def test_twenty_pushes_one_after_the_other(
    replica: WorkerReplica, model_folder: Path, prompts: list[Prompt], tmp_path: Path
) -> None:
    model, torch_seed = load(model_folder), torch.Generator().manual_seed(0)
    for version in range(1, 21):
        with torch.no_grad():
            for parameter in model.parameters():  # of the same size all along, or rounding would grow with them
                parameter.add_(0.2 * parameter.std() * torch.randn(parameter.shape, generator=torch_seed)).div_(1.02)
        replica.load_folder(write_weights(tmp_path / "weights", model), version)
        rollouts = answers(replica, requests(prompts, num_samples=2, seed=version), Sampling(max_tokens=8))
        assert largest_difference(model, list(rollouts.values())) < TOLERANCE, f"after push {version}"
        assert {rollout.weights_version for rollout in rollouts.values()} == {version} == {replica.version()}


def test_the_seed_alone_decides(
    replica: WorkerReplica, vllm_host: WorkerHost, model_folder: Path, prompts: list[Prompt]
) -> None:
    asked, sampling = requests(prompts, num_samples=6), Sampling(max_tokens=24)
    together = answers(replica, asked, sampling)
    assert answers(replica, asked[::-1], sampling) == together
    for request in asked[::7]:
        (alone,) = replica.generate([request], sampling, 60.0)
        assert alone == together[request.prompt_index, request.sample_index]
    others = answers(replica, requests(prompts, num_samples=6, seed=1), sampling)
    assert not {rollout.response_ids for rollout in others.values()} & {
        rollout.response_ids for rollout in together.values()
    }


def test_rollouts_come_as_they_are_done(replica: WorkerReplica, prompts: list[Prompt]) -> None:
    asked = requests(prompts[:1], num_samples=32)
    lengths = [len(rollout.response_ids) for rollout in replica.generate(asked, Sampling(max_tokens=100), 60.0)]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_a_generation_may_be_left_in_the_middle(replica: WorkerReplica, prompts: list[Prompt]) -> None:
    asked, sampling = requests(prompts[:1], num_samples=32), Sampling(max_tokens=100)
    whole = answers(replica, asked, sampling)
    for _ in range(3):
        left = replica.generate(asked, sampling, 60.0)
        first = next(left)
        assert first == whole[first.prompt_index, first.sample_index]
        left.close()
    waiting = replica.generate(asked, sampling, 60.0)
    next(waiting)
    assert answers(replica, asked, sampling) == whole
    with pytest.raises(RuntimeError, match="another call has ended this generation"):
        list(waiting)
    assert answers(replica, asked, sampling) == whole


def test_the_end_of_text_token_is_an_action_and_has_no_text(
    replica: WorkerReplica, tokenizer: PreTrainedTokenizerBase, prompts: list[Prompt]
) -> None:
    rollouts = answers(replica, requests(prompts[:1], num_samples=64), Sampling(max_tokens=80, stop=None)).values()
    ended = [rollout for rollout in rollouts if rollout.finish_reason == "stop"]
    cut = [rollout for rollout in rollouts if rollout.finish_reason == "length"]
    assert ended
    assert all(rollout.response_ids.index(tokenizer.eos_token_id) == len(rollout.response_ids) - 1 for rollout in ended)
    assert all(
        len(rollout.response_ids) == 80 and tokenizer.eos_token_id not in rollout.response_ids for rollout in cut
    )
    for rollout in rollouts:
        assert rollout.response == tokenizer.decode(rollout.response_ids, skip_special_tokens=True)


@pytest.mark.parametrize("pieces", [["7", "+", "8", "</answer>"], ["7", "+", "8", "<", "/", "answ", "er", ">"]])
def test_the_stop_text_belongs_to_the_response_also_when_it_is_spelled_in_pieces(
    replica: WorkerReplica,
    saved_models: dict[str, Path],
    model_folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    tmp_path: Path,
    pieces: list[str],
) -> None:
    if model_folder != saved_models["untied"]:
        pytest.skip("a tied head cannot be made to say a text")
    script = [token for piece in pieces for token in tokenizer(piece, add_special_tokens=False).input_ids]
    after = next(token for token in range(5, 300) if token not in script)
    model = load(model_folder)
    torch.manual_seed(0)
    make_it_say(model, [*script, after])
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    prompt = Prompt("7", (script[0],))
    (rollout,) = replica.generate(requests([prompt]), Sampling(max_tokens=40), 60.0)
    assert rollout.response == "+8</answer>"
    assert list(rollout.response_ids) == script[1:]
    assert rollout.finish_reason == "stop"
    (rollout,) = replica.generate(requests([prompt]), Sampling(max_tokens=len(script), stop=None), 60.0)
    assert (rollout.finish_reason, list(rollout.response_ids)) == ("length", [*script[1:], after])


def test_a_special_token_as_the_stop_text_ends_a_response_and_has_no_text(
    replica: WorkerReplica,
    saved_models: dict[str, Path],
    model_folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    tmp_path: Path,
) -> None:
    if model_folder != saved_models["untied"]:
        pytest.skip("a tied head cannot be made to say a text")
    model, special = load(model_folder), "<pad>"  # one that does not end a text by itself
    script = say_with_special(model, tokenizer, special)
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    prompt, sampling = Prompt("7", (script[0],)), Sampling(max_tokens=12, stop=special)
    (rollout,) = replica.generate(requests([prompt]), sampling, 60.0)
    assert (rollout.response, rollout.finish_reason) == ("+8", "stop")
    assert list(rollout.response_ids) == script[1:4]
    (other,) = TransformersEngine(model, tokenizer).generate([prompt], sampling)
    assert replace(rollout, log_probs=(), weights_version=0) == replace(other, log_probs=())
    (longer,) = replica.generate(requests([prompt]), Sampling(max_tokens=4, stop=None), 60.0)
    assert (longer.response, longer.finish_reason) == ("+8" + tokenizer.decode(script[4:]), "length")


def test_responses_that_had_to_give_their_memory_away_are_those_of_an_engine_with_enough(
    replica: WorkerReplica, vllm_host: WorkerHost, model_folder: Path, prompts: list[Prompt]
) -> None:
    asked, sampling = requests(prompts[:2], num_samples=16), Sampling(max_tokens=300, stop=None)
    expected = answers(replica, asked, sampling)
    small = VllmArguments(str(model_folder), max_model_len=320, kv_cache_mib=1)  # for less than four of the longest
    crowded = WorkerReplica(vllm_host, small)
    got = answers(crowded, asked, sampling)
    crowded.close()
    for key, rollout in expected.items():
        assert got[key].log_probs == pytest.approx(rollout.log_probs, abs=TOLERANCE)
        assert replace(got[key], log_probs=(), weights_version=0) == replace(rollout, log_probs=(), weights_version=0)


def test_a_stop_text_that_ends_within_a_token_keeps_the_whole_token(
    replica: WorkerReplica, tokenizer: PreTrainedTokenizerBase, prompts: list[Prompt]
) -> None:
    rollouts = answers(replica, requests(prompts[:1], num_samples=64), Sampling(max_tokens=80, stop="a")).values()
    stopped = [rollout for rollout in rollouts if "a" in rollout.response]
    assert any(not rollout.response.endswith("a") for rollout in stopped)
    for rollout in stopped:
        assert rollout.response == tokenizer.decode(rollout.response_ids, skip_special_tokens=True)
        assert "a" not in tokenizer.decode(rollout.response_ids[:-1], skip_special_tokens=True)
        assert rollout.finish_reason == "stop"


def test_a_callers_mistake_is_refused_and_the_engine_goes_on(replica: WorkerReplica, prompts: list[Prompt]) -> None:
    def ask(asked: list[Prompt], **sampling: float) -> None:
        list(replica.generate(requests(asked), Sampling(**{"max_tokens": 8, **sampling}), 60.0))  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="prompt 1 has no tokens"):
        ask([prompts[0], Prompt("", ())])
    with pytest.raises(
        ValueError, match="has 2 tokens and its response up to 319, which is more than max_model_len, 320"
    ):
        ask([Prompt("", (5, 6))], max_tokens=319)
    with pytest.raises(ValueError, match=r"temperature is 0\.005, but vLLM samples at 0\.01 to 2"):
        ask(prompts, temperature=0.005)
    with pytest.raises(ValueError, match=r"temperature is 2\.5"):
        ask(prompts, temperature=2.5)
    with pytest.raises(ValueError, match=r"vLLM refuses prompt 3: .*100000"):
        ask([*prompts, Prompt("", (5, 100_000))])
    assert len(answers(replica, requests(prompts), Sampling(max_tokens=8))) == 3


def test_weights_that_give_nan_are_the_policys_failure_and_not_the_engines(
    replica: WorkerReplica, model_folder: Path, prompts: list[Prompt], tmp_path: Path
) -> None:
    model = load(model_folder)
    with torch.no_grad():
        model.model.norm.weight[3] = float("nan")
    replica.load_folder(write_weights(tmp_path / "weights", model), 1)
    with pytest.raises(FloatingPointError, match="logits are not finite"):
        list(replica.generate(requests(prompts), Sampling(max_tokens=8), 60.0))
    replica.load_folder(model_folder, 2)
    rollouts = answers(replica, requests(prompts), Sampling(max_tokens=8))
    assert largest_difference(load(model_folder), list(rollouts.values())) < TOLERANCE
