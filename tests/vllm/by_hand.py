"""What an engine must say, computed without it, and how tests ask."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from pgkern.rollout.engine import Prompt, Rollout, Sampling
from pgkern.rollout.replica import Replica, Request


def load(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder).float().eval()


def requests(prompts: Sequence[Prompt], num_samples: int = 1, seed: int = 0) -> list[Request]:
    return [
        Request(index, sample, prompt, seed=1000 * seed + 100 * index + sample)
        for index, prompt in enumerate(prompts)
        for sample in range(num_samples)
    ]


def answers(
    replica: Replica, asked: Sequence[Request], sampling: Sampling, deadline_s: float = 60.0
) -> dict[tuple[int, int], Rollout]:
    """Each rollout by its request's two indices; every request answered once."""
    rollouts = list(replica.generate(asked, sampling, deadline_s))
    by_request = {(rollout.prompt_index, rollout.sample_index): rollout for rollout in rollouts}
    assert len(rollouts) == len(by_request) == len(asked)
    return {
        (request.prompt_index, request.sample_index): by_request.pop((request.prompt_index, request.sample_index))
        for request in asked
    }


def log_probs(model: PreTrainedModel, rollout: Rollout, temperature: float = 1.0) -> list[float]:
    """log π of each response token, by transformers in one pass."""
    ids = torch.tensor([[*rollout.prompt.token_ids, *rollout.response_ids]])
    start = len(rollout.prompt.token_ids) - 1
    with torch.no_grad():
        log_p_LV = (model(ids).logits[0, start:-1].double() / temperature).log_softmax(-1)
    return log_p_LV[range(len(rollout.response_ids)), list(rollout.response_ids)].tolist()


def largest_difference(model: PreTrainedModel, rollouts: Sequence[Rollout], temperature: float = 1.0) -> float:
    """Between the engine's log-probabilities and those by hand."""
    return max(
        abs(engine - hand)
        for rollout in rollouts
        for engine, hand in zip(rollout.log_probs, log_probs(model, rollout, temperature), strict=True)
    )


def write_weights(folder: Path, model: PreTrainedModel) -> Path:
    """Every weight under its name, a tied head too, as a push finds them."""
    folder.mkdir(exist_ok=True)
    weights = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    weights["lm_head.weight"] = model.get_output_embeddings().weight.detach().clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def make_it_say(model: PreTrainedModel, script: Sequence[int]) -> None:
    """Change an untied model's weights so that each token of the script is followed by the next, almost surely.

    The last may be the first again.
    """
    assert len(set(script[:-1])) == len(script) - 1
    with torch.no_grad():
        for layer in model.model.layers:  # the last token alone decides
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.norm.weight.fill_(1.0)
        embedding_VD, head_VD = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        head_VD.zero_()
        for token, following in pairwise(script):
            embedding_VD[token] = torch.nn.functional.normalize(torch.randn(embedding_VD.shape[1]), dim=0)
            head_VD[following] = 40.0 * embedding_VD[token]


def say_with_special(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, special: str) -> list[int]:
    """Make an untied model say "7+8", the special token and a letter; the tokens."""
    torch.manual_seed(0)
    script = [int(tokenizer.convert_tokens_to_ids(token)) for token in ("7", "+", "8", special, "z")]
    assert script[3] in tokenizer.all_special_ids
    make_it_say(model, script)
    return script
