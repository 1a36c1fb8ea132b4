"""How long new weights take from the trainer to an engine, against the model's size."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from pgkern.rollout.vllm.arguments import VllmArguments
from pgkern.rollout.vllm.worker_host import WorkerHost
from pgkern.rollout.vllm.worker_replica import WorkerReplica
from pgkern.rollout.weight_folder import check_weight_folder, kinds_of, write_weight_folder
from pgkern.train.model.small_model import build_tokenizer

SHAPES = ((96, 2), (256, 4), (512, 8), (1024, 12))
"""Hidden size and layers; 0.3 to 190 million parameters."""
PUSHES = 5


def push_rows(python: str, folder: Path, shapes: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Median seconds of each part of a push, by model."""
    host = WorkerHost(python, log=folder / "pushes.log")
    try:
        return [_row(host, folder / f"{hidden}x{layers}", hidden, layers) for hidden, layers in shapes]
    finally:
        host.close()


def _row(host: WorkerHost, folder: Path, hidden_size: int, num_layers: int) -> dict[str, Any]:
    tokenizer = build_tokenizer(["12 + 34 = 46"], 300)
    config = Qwen3Config(
        vocab_size=max(len(tokenizer), 1024),
        hidden_size=hidden_size,
        intermediate_size=3 * hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_size // 32,
        num_key_value_heads=hidden_size // 32,
        head_dim=32,
        tie_word_embeddings=False,
    )
    model = Qwen3ForCausalLM(config)
    config.architectures = [type(model).__name__]
    config.dtype = torch.float32
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = dict(model.state_dict())
    replica = WorkerReplica(host, VllmArguments(str(folder), load_format="dummy", max_model_len=64, kv_cache_mib=64))
    seconds: dict[str, list[float]] = {"write": [], "check": [], "load": []}
    try:
        for version in range(PUSHES):
            begin = time.perf_counter()
            write_weight_folder(folder / "weights", weights.items(), version, kinds_of(weights.items()))
            written = time.perf_counter()
            check_weight_folder(folder / "weights")
            checked = time.perf_counter()
            replica.load_folder(folder / "weights", version)
            loaded = time.perf_counter()
            for name, lap in zip(seconds, (written - begin, checked - written, loaded - checked), strict=True):
                seconds[name].append(lap)
    finally:
        replica.close()
    parameters = sum(tensor.numel() for tensor in weights.values())
    medians = {name: round(median(laps), 5) for name, laps in seconds.items()}
    return {"part": "push", "parameters": parameters, "megabytes": round(4e-6 * parameters, 1), **medians}
