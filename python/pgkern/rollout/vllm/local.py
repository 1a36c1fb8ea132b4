"""vLLM inside this process: the one file that imports it.

It changes its host for good (`torch.set_num_threads` does nothing afterwards, memory is bound to one node), cannot be
stopped when it hangs and takes the process along when it dies: `worker.py` gives it a process of its own.
"""

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ..engine import EngineFailedError, Rollout, Sampling
from ..replica import Request
from .arguments import VllmArguments, check_temperature, engine_arguments
from .shared_tensors import update_info

NOTHING_PUSHED = -1
"""The version of an engine that still has the weights it was started with."""

# Tokens of a response that vLLM hands over at a time: small enough to show that it makes progress.
_TOKENS_AT_A_TIME = 8


def import_vllm() -> None:
    """Load what an engine needs, which takes many seconds; nothing is started, and no device touched."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the engine runs in this process, not in a child of it
    import vllm.engine.arg_utils
    import vllm.v1.engine.llm_engine
    from vllm.platforms import current_platform

    if current_platform.is_cpu():  # what building an engine would import
        import vllm.v1.worker.cpu_worker  # noqa: F401


class VllmReplica:
    """A `Replica` that is an engine of this process. `start_folder` is for files that it needs only while it starts.

    Raises whatever vLLM raises where it cannot be started: every message is its own.
    """

    def __init__(self, arguments: VllmArguments, start_folder: str) -> None:
        import_vllm()
        from vllm.engine.arg_utils import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine

        self._max_model_len = arguments.max_model_len
        chosen = EngineArgs(**engine_arguments(arguments), disable_log_stats=True)
        # Where it compiles, what comes of that is among its temporary files, and kept.
        with _temporary_files_in(start_folder) if arguments.eager else nullcontext():
            self._engine: Any = LLMEngine.from_engine_args(chosen)
        self._tokenizer: Any = self._engine.get_tokenizer()
        if arguments.load_format == "dummy":  # what is pushed comes from files
            self._engine.collective_rpc("update_config", args=({"load_config": {"load_format": "auto"}},))
        self._reads_shared = False
        self._engine.set_weight_version(str(NOTHING_PUSHED))

    doubts = ()  # its interpreter was looked at before

    def generate(self, requests: Sequence[Request], sampling: Sampling, deadline_s: float) -> Iterator[Rollout]:
        """See `Replica.generate`. Nobody in this process could notice that it hangs, so `deadline_s` does not count.

        Raises `FloatingPointError` when log-probabilities are NaN, as `TransformersEngine` does.
        """
        for rollouts in self.steps(requests, sampling):
            yield from rollouts or ()

    def steps(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[list[Rollout] | None]:
        """As `generate`, one item for each step of the engine: what has ended in it, or None where no token came."""
        self._check(requests, sampling)
        unfinished: dict[str, _Response] = {}
        try:
            for number, request in enumerate(requests):
                unfinished[str(number)] = _Response(request)
                self._add(str(number), request, sampling)
            while unfinished:
                progress = False
                finished: list[Rollout] = []
                for output in self._step():
                    response = unfinished[output.request_id]
                    progress |= response.add(output.outputs[0])
                    if output.finished:
                        del unfinished[output.request_id]
                        finished.append(response.rollout(output.outputs[0], self._text(response.ids)))
                yield finished if progress else None
        except EngineFailedError:
            unfinished.clear()  # there is nothing to save
            raise
        finally:
            if unfinished:  # the caller has heard enough, or something failed
                self._engine.abort_request(list(unfinished))

    def load_folder(self, folder: Path, version: int) -> None:
        """See `Replica.load_folder`. After any error the engine may be half updated: end it."""
        with self._new_weights(version, f"could not load {folder}"):
            self._engine.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})

    def load_shared(self, rows: list[dict[str, Any]], version: int) -> None:
        """Load weights from another process's part of this GPU's memory, which `share` has described."""
        with self._new_weights(version, "could not read the trainer's weights"):
            if not self._reads_shared:
                self._engine.collective_rpc("init_weight_transfer_engine", kwargs={"init_info": {"packed": False}})
                self._reads_shared = True
            self._engine.collective_rpc("start_weight_update")
            self._engine.collective_rpc("update_weights", kwargs={"update_info": update_info(rows)})
            self._engine.collective_rpc("finish_weight_update")

    def version(self) -> int:
        """See `Replica.version`; `NOTHING_PUSHED` before the first push."""
        return _number(self._engine.get_weight_version())

    def sleep(self) -> None:
        """See `Replica.sleep`. The weights stay on the host meanwhile."""
        if self._engine.vllm_config.model_config.enable_sleep_mode:
            self._engine.sleep(level=1)

    def wake_up(self) -> None:
        """See `Replica.wake_up`."""
        if self._engine.vllm_config.model_config.enable_sleep_mode:
            self._engine.wake_up()

    def close(self) -> None:
        """Stop the engine; only the end of the process gives back all that it took."""
        self._engine.engine_core.shutdown()

    @contextmanager
    def _new_weights(self, version: int, trouble: str) -> Iterator[None]:
        """What surrounds a change of weights, however they come."""
        self._engine.set_weight_version(f"on the way to {version}")  # so that half an update has no version
        try:
            yield
        except Exception as error:
            raise EngineFailedError(f"vLLM {trouble}: {type(error).__name__}: {error}") from error
        if not self._engine.reset_prefix_cache():
            raise EngineFailedError("vLLM could not reset its prefix cache, which has keys and values of old weights")
        self._engine.set_weight_version(str(version))

    def _add(self, name: str, request: Request, sampling: Sampling) -> None:
        """Have vLLM look at a request and queue it; nothing is sampled yet."""
        prompt = {"prompt_token_ids": list(request.prompt.token_ids)}
        try:
            self._engine.add_request(name, prompt, _sampling_params(request, sampling))
        except Exception as error:
            raise ValueError(f"vLLM refuses prompt {request.prompt_index}: {error}") from error

    def _step(self) -> list[Any]:
        try:
            return list(self._engine.step())
        except Exception as error:
            raise EngineFailedError(f"vLLM failed while it sampled: {type(error).__name__}: {error}") from error

    def _check(self, requests: Sequence[Request], sampling: Sampling) -> None:
        check_temperature(sampling.temperature)
        for request in requests:
            length = len(request.prompt.token_ids)
            if length == 0:
                raise ValueError(f"prompt {request.prompt_index} has no tokens")
            if length + sampling.max_tokens > self._max_model_len:
                raise ValueError(
                    f"prompt {request.prompt_index} has {length} tokens and its response up to {sampling.max_tokens}, "
                    f"which is more than max_model_len, {self._max_model_len}"
                )

    def _text(self, response_ids: list[int]) -> str:
        text = self._tokenizer.decode(response_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)


class _Response:
    """A response as its tokens come."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.ids: list[int] = []
        self.log_probs: list[float] = []

    def add(self, output: Any) -> bool:  # noqa: ANN401
        """Take the new tokens of vLLM's `CompletionOutput`; whether there were any."""
        new = list(output.token_ids)
        self.ids += new
        self.log_probs += [place[token].logprob for place, token in zip(output.logprobs or (), new, strict=True)]
        return bool(new)

    def rollout(self, last: Any, text: str) -> Rollout:  # noqa: ANN401
        """The whole, with what vLLM says only at the end."""
        if last.finish_reason not in ("stop", "length"):
            raise EngineFailedError(f"vLLM ended a response for the reason {last.finish_reason!r}")
        if not all(map(math.isfinite, self.log_probs)):
            raise FloatingPointError("the model's logits are not finite: there is nothing to sample from")
        versions = {span.version for span in last.weight_versions or ()}
        if len(versions) != 1:
            raise EngineFailedError(
                f"a response was sampled from weights of the versions {sorted(versions)}, not of one"
            )
        return Rollout(
            prompt_index=self.request.prompt_index,
            prompt=self.request.prompt,
            response_ids=tuple(self.ids),
            response=text,
            log_probs=tuple(self.log_probs),
            finish_reason=last.finish_reason,
            weights_version=_number(versions.pop()),
            sample_index=self.request.sample_index,
        )


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Among them the file by which vLLM's processes find each other, which it would not remove."""
    usual, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = usual


def _sampling_params(request: Request, sampling: Sampling) -> Any:  # noqa: ANN401
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    return SamplingParams(
        temperature=sampling.temperature,
        max_tokens=sampling.max_tokens,
        stop=[sampling.stop] if sampling.stop else None,
        include_stop_str_in_output=True,
        skip_special_tokens=False,  # the stop text may be one; what is given out is decoded here, without them
        seed=request.seed,
        logprobs=0,  # of the sampled token alone
        output_kind=RequestOutputKind.DELTA,
        stream_interval=_TOKENS_AT_A_TIME,
    )


def _number(version: str) -> int:
    try:
        return int(version)
    except ValueError:
        raise EngineFailedError(f"vLLM says that the version of its weights is {version!r}") from None
