"""Whether a vLLM server is one that a trainer can use, asked of the server itself: others may have started it."""

import math

from ..engine import EngineFailedError, Prompt, Sampling
from ..replica import Request
from .completion import completion_body, read_completion
from .versions import check_vllm_version
from .weight_push import Ask


def check_server(ask: Ask) -> tuple[int, tuple[str, ...]]:
    """The server's `max_model_len`: tokens of prompt and response together, at most. It is ready to generate then.

    And doubts, in words: that its vLLM is newer than what was tested.

    Raises `ValueError` when its vLLM is too old, when it takes no weights, or when its log-probs are not those of the
    policy that it samples from.
    """
    doubts = check_vllm_version(str(ask("GET", "/version", None).get("version")))
    _require_development_mode(ask)
    ask("POST", "/resume", None)  # a push that was cut off leaves a server paused
    _require_processed_log_probs(ask)
    models = ask("GET", "/v1/models", None)
    try:
        return int(models["data"][0]["max_model_len"]), doubts
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise EngineFailedError(f"the server does not describe its model as vLLM does: {models!r:.500}") from error


def _require_development_mode(ask: Ask) -> None:
    try:
        ask("GET", "/weight_info", None)
    except ValueError as error:
        raise ValueError(
            f"the vLLM server takes no weights: start it with VLLM_SERVER_DEV_MODE=1 in its environment ({error})"
        ) from error


def _require_processed_log_probs(ask: Ask) -> None:
    """Where one token alone is allowed, its processed log-prob is 0; its raw one is not, of two tokens in turn."""
    request = Request(0, 0, Prompt("", (0,)), seed=0)
    sampling = Sampling(max_tokens=1, stop=None)
    for token_id in (0, 1):
        body = {**completion_body(request, sampling, ()), "allowed_token_ids": [token_id]}
        rollout = read_completion(ask("POST", "/v1/completions", body), request, sampling, lambda ids: "", -1)
        if not math.isclose(rollout.log_probs[0], 0.0, abs_tol=1e-3):
            raise ValueError(
                "the vLLM server gives log-probs that are not of the policy it samples from: start it with "
                "--logprobs-mode processed_logprobs"
            )
