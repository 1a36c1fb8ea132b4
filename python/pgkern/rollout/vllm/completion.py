"""One request to vLLM's `/v1/completions`, token ids in and token ids out, and what its answer must be like."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..engine import EngineFailedError, Rollout, Sampling
from ..replica import Request
from .arguments import check_temperature

_MINUS_INFINITY = -9999.0  # what the server says for it


def completion_body(request: Request, sampling: Sampling, end_token_ids: Sequence[int]) -> dict[str, Any]:
    """The body of the POST.

    Nothing narrows the distribution, whatever the server's or the model's own defaults are. Raises `ValueError` for a
    temperature that vLLM does not keep.
    """
    check_temperature(sampling.temperature)
    return {
        "prompt": request.prompt.token_ids,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": request.seed,
        "stop": [sampling.stop] if sampling.stop else [],
        "include_stop_str_in_output": True,
        "skip_special_tokens": False,  # the stop text may be one; the server's text is not read
        "stop_token_ids": list(end_token_ids),
        "logprobs": 0,  # of the sampled token alone
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,  # spares the server the text of each single token
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }


def read_completion(
    answer: Mapping[str, Any],
    request: Request,
    sampling: Sampling,
    decode: Callable[[list[int]], str],
    version: int,
) -> Rollout:
    """The rollout in the server's answer. Raises `EngineFailedError` for one that cannot be to this request."""
    try:
        (choice,) = answer["choices"]
        response_ids, prompt_ids = list(choice["token_ids"]), choice["prompt_token_ids"]
        log_probs, finish_reason = list(choice["logprobs"]["token_logprobs"]), choice["finish_reason"]
    except (KeyError, TypeError, ValueError) as error:
        raise EngineFailedError(f"the vLLM server's answer is no completion with token ids: {answer!r:.500}") from error
    faults = [
        (tuple(prompt_ids or ()) != request.prompt.token_ids, "it is to another prompt"),
        (finish_reason not in ("stop", "length"), f"it ended for the reason {finish_reason!r}"),
        (not 1 <= len(response_ids) <= sampling.max_tokens, f"it has {len(response_ids)} tokens"),
        (
            finish_reason == "length" and len(response_ids) < sampling.max_tokens,
            f"it ended by its length after {len(response_ids)} tokens of {sampling.max_tokens}",
        ),
        (len(log_probs) != len(response_ids), f"it has {len(log_probs)} log-probs for {len(response_ids)} tokens"),
        (
            not all(isinstance(value, float) and _MINUS_INFINITY < value < math.inf for value in log_probs),
            f"a sampled token has no log-prob: {log_probs!r:.500}",
        ),
    ]
    for is_fault, words in faults:
        if is_fault:
            raise EngineFailedError(
                f"the vLLM server's answer to sample {request.sample_index} of prompt {request.prompt_index} cannot be "
                f"used: {words}"
            )
    return Rollout(
        prompt_index=request.prompt_index,
        prompt=request.prompt,
        response_ids=tuple(response_ids),
        response=decode(response_ids),
        log_probs=tuple(log_probs),
        finish_reason=finish_reason,
        weights_version=version,
        sample_index=request.sample_index,
    )
