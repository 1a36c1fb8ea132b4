"""vLLM as the rollout engine."""

from dataclasses import dataclass
from typing import Literal

from ...rollout.vllm.server_connection import ServerConnection
from .ranges import at_least, positive


@dataclass(frozen=True)
class VllmConfig:
    """Where vLLM is, what it may take, and when it is believed to be dead. Weights go through the run's folder."""

    python: str | None = None  # the interpreter that has it; None: this one, PGKERN_VLLM_PYTHON, or .venv-vllm here
    urls: tuple[str, ...] = ()  # servers that run already and share this file system; none: they are started
    servers: int = 1  # engine "vllm-server": how many are started
    gpus: tuple[int, ...] = ()  # of the servers that are started, one each, as CUDA_VISIBLE_DEVICES numbers them
    weight_transfer: Literal["folder", "nccl"] = "folder"  # to servers: "nccl" where these have GPUs of their own
    max_model_len: int | None = None  # prompt and response, up to the model's positions; None: max_tokens + 2048
    enforce_eager: bool | None = None  # no compiling, no graphs; None: on a CPU
    gpu_memory_share: float = 0.5  # of one GPU
    kv_cache_mib: int = 256  # on a CPU: for keys and values
    cpu_threads: int = 1  # on a CPU: of each engine; with more a repeated response differs in its last bits
    sleep: bool = False  # engine "vllm" on a GPU: its memory is free while the policy trains
    in_memory: bool = False  # engine "vllm" on a GPU: weights are read in the trainer's memory, through no file
    start_deadline_s: float = 600.0
    deadline_s: float = 120.0  # without any progress, and of every other call
    max_rebuilds: int = 3  # in a row, of each engine
    probe_prompts: int = 4  # answered after each push, and compared with the trainer
    probe_tokens: int = 8
    probe_tolerance: float | None = None  # nats in the mean; None: 1e-4 in float32 (on a GPU 0.01), 0.1 in bfloat16

    def __post_init__(self) -> None:
        for name in ("servers", "kv_cache_mib", "cpu_threads", "probe_prompts", "probe_tokens"):
            at_least(name, getattr(self, name), 1)
        if self.max_model_len is not None:
            at_least("max_model_len", self.max_model_len, 2)
        at_least("max_rebuilds", self.max_rebuilds, 0)
        for name in ("start_deadline_s", "deadline_s"):
            positive(name, getattr(self, name))
        if self.probe_tolerance is not None:
            positive("probe_tolerance", self.probe_tolerance)
        if not 0.0 < self.gpu_memory_share <= 1.0:
            raise ValueError(f"gpu_memory_share is {self.gpu_memory_share}, expected above 0 and at most 1")
        if self.urls and self.servers != 1:
            raise ValueError(f"urls has {len(self.urls)} servers that run already, so servers = {self.servers} is none")
        if self.gpus and len(self.gpus) != self.servers:
            raise ValueError(f"gpus has {len(self.gpus)} and servers is {self.servers}: expected as many")
        if self.weight_transfer == "nccl" and not (self.gpus or self.urls):
            raise ValueError("weight_transfer is 'nccl', which needs gpus that are not the trainer's, or urls")
        if self.gpus and self.urls:
            raise ValueError("gpus are for servers that are started, and urls are of servers that run already")
        if self.gpus and min(self.gpus) < 0:
            raise ValueError(f"gpus has {min(self.gpus)}, expected numbers from 0 on")
        if len(set(self.gpus)) < len(self.gpus):
            raise ValueError(f"gpus is {list(self.gpus)}: each server needs one of its own")
        for url in self.urls:
            _check_url(url.rstrip("/"))
        object.__setattr__(self, "urls", tuple(url.rstrip("/") for url in self.urls))
        if len(set(self.urls)) < len(self.urls):
            raise ValueError(f"urls is {list(self.urls)}: a server counts once")


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://", "unix:")) or url == "unix:":
        raise ValueError(f"{url!r} among the urls is none of http://host:port, https://host:port and unix:/path")
    try:
        ServerConnection(url, timeout_s=1.0)  # which does not connect yet
    except ValueError as error:
        raise ValueError(f"{url!r} among the urls: {error}") from error
