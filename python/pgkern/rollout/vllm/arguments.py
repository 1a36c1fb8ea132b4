"""What every vLLM of a run is started with, in a worker or as a server: the same names go to both."""

import json
import os
from dataclasses import dataclass
from typing import Any, Literal

# vLLM refuses what is above, and raises what is below in silence (`SamplingParams`).
_LOWEST_TEMPERATURE, _HIGHEST_TEMPERATURE = 0.01, 2.0
_READ_TOGETHER = 2048  # tokens of prompts, in one step of an engine on a CPU


@dataclass(frozen=True)
class VllmArguments:
    """Settings of one engine; nothing here narrows what is sampled."""

    model: str
    """Folder with config.json, tokenizer and weights, as `save_pretrained` writes it."""
    device: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of weights and activations."""
    max_model_len: int = 1024
    """Tokens of prompt and response together, at most."""
    max_num_seqs: int = 256
    """Responses that are sampled at the same time."""
    kv_cache_mib: int = 256
    """CPU only: memory for keys and values, in 2**20 bytes. Responses that do not fit wait."""
    cpu_threads: int = 1
    """CPU only: threads to compute with. Of several, which one adds up what depends on the moment and on the other
    requests: a request that is repeated is then the same in all but its log-probabilities' last bits, and so in its
    tokens only almost always."""
    gpu_memory_share: float = 0.5
    """GPU only: the share of the device's memory that vLLM may take, 0 to 1."""
    enforce_eager: bool | None = None
    """Run the model as it is written, without compiling it or capturing graphs. None: on a CPU, where compiling takes
    longer than a small model runs."""
    load_format: Literal["auto", "dummy"] = "auto"
    """"dummy": start with arbitrary weights, where the trainer's are pushed before anything is sampled."""
    sleep_mode: bool = False
    """GPU only: the engine can give its memory back between two generations."""
    gpu: int | None = None
    """GPU only: where it runs, as CUDA_VISIBLE_DEVICES numbers them. None: on the first that this process sees."""
    weight_transfer: Literal["ipc", "nccl"] | None = None
    """GPU only: vLLM's own way for weights to come without a folder."""

    def __post_init__(self) -> None:
        for name in ("max_model_len", "max_num_seqs", "kv_cache_mib", "cpu_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not 0.0 < self.gpu_memory_share <= 1.0:
            raise ValueError(f"gpu_memory_share is {self.gpu_memory_share}, expected above 0 and at most 1")
        if self.device == "cpu" and (self.sleep_mode or self.weight_transfer):
            raise ValueError("sleep_mode and weight_transfer need a GPU: vLLM refuses them on a CPU")

    @property
    def eager(self) -> bool:
        """Whether the model runs uncompiled."""
        return self.device == "cpu" if self.enforce_eager is None else self.enforce_eager


def engine_arguments(arguments: VllmArguments) -> dict[str, Any]:
    """Keyword arguments of vLLM's `EngineArgs`; `server_flags` has the same as flags."""
    chosen: dict[str, Any] = {
        "model": arguments.model,
        "dtype": arguments.dtype,
        "max_model_len": arguments.max_model_len,
        "max_num_seqs": arguments.max_num_seqs,
        "enforce_eager": arguments.eager,
        "load_format": arguments.load_format,
        "use_tqdm_on_load": False,
        "seed": 0,  # of requests without a seed, and every request has its own
        # After the temperature: what the trainer computes from its logits divided by the same temperature.
        "logprobs_mode": "processed_logprobs",
        # A published top-k or top-p would bias every ratio. Ends of text are read from the folder all the same.
        "generation_config": "vllm",
    }
    if arguments.device == "cpu":
        chosen["kv_cache_memory_bytes"] = arguments.kv_cache_mib * 2**20
        # A prompt that is read in two parts has its generator set back by vLLM, which those of a CPU refuse.
        chosen["enable_chunked_prefill"] = False
        chosen["max_num_batched_tokens"] = max(_READ_TOGETHER, arguments.max_model_len, arguments.max_num_seqs)
    else:
        chosen["gpu_memory_utilization"] = arguments.gpu_memory_share
    if arguments.sleep_mode:
        chosen["enable_sleep_mode"] = True
    if arguments.weight_transfer:
        chosen["weight_transfer_config"] = {"backend": arguments.weight_transfer}
    return chosen


def server_flags(arguments: VllmArguments) -> list[str]:
    """The same for the command line of vLLM's server."""
    flags: list[str] = []
    for name, value in engine_arguments(arguments).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            flags.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            flags += [flag, json.dumps(value) if isinstance(value, dict) else str(value)]
    return flags


def environment(arguments: VllmArguments) -> dict[str, str]:
    """Environment variables that vLLM's process is started with, over those of this process."""
    chosen = {
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",  # model and tokenizer are in the folder: nothing is asked of the network
        "TRANSFORMERS_OFFLINE": "1",
    }
    if arguments.device == "cpu":
        chosen["OMP_NUM_THREADS"] = str(arguments.cpu_threads)
        # Else a server takes one for each core but one, whatever is said above, and binds them to the first cores: the
        # same ones in every server.
        chosen["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        # Threads that wait for one another give their core away: where another process has taken one, as the trainer
        # does, waiting in a loop has been seen to make generation ten times slower.
        chosen["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "passive")
    if "VLLM_LOGGING_LEVEL" not in os.environ:
        chosen["VLLM_LOGGING_LEVEL"] = "WARNING"  # each push would be several lines
    if arguments.gpu is not None:
        chosen["CUDA_VISIBLE_DEVICES"] = str(arguments.gpu)
    if arguments.eager:
        # What vLLM still compiles then (one count of ranks) takes longer than it ever saves.
        chosen["TORCHDYNAMO_DISABLE"] = "1"
    return chosen


def check_temperature(temperature: float) -> None:
    """Raise `ValueError` for a temperature that vLLM refuses, or would change in silence."""
    if temperature != 0.0 and not _LOWEST_TEMPERATURE <= temperature <= _HIGHEST_TEMPERATURE:
        raise ValueError(
            f"temperature is {temperature}, but vLLM samples at {_LOWEST_TEMPERATURE} to {_HIGHEST_TEMPERATURE}, "
            "and greedily at 0"
        )
