"""Low-rank adapters by peft: W x becomes W x + (alpha / rank) · B A x, and A and B alone are trained.

A is random and B is zero at first, so the adapted policy starts as its base. peft puts the adapters into the layers of
the given transformers model, which goes on as it was: `model.base_model`, `generate` and `get_output_embeddings` are
the model's own and use the adapters. The `PeftModel` around it is what saves and loads them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..config.model import LoraConfig
from ..seeds import derive_seed

if TYPE_CHECKING:
    from peft import PeftModel


def add_lora(model: PreTrainedModel, config: LoraConfig, seed: int) -> PeftModel:
    """Freeze the model and put adapters into the layers the configuration names; `seed` is the run's.

    "all-linear" is every linear layer but the output layer. Torch's generators are left as found. Adapters of a model
    in bf16 are kept in fp32: their steps would be lost in rounding.

    Raises `ValueError` for a name that no layer has, and for the output layer or embedding where the two are one
    tensor: an adapter of the one would make two of them, which no engine expects.
    """
    if config.rank is None:
        raise ValueError("lora.rank is not set, so there is nothing to add")
    every = config.target_modules == ("all-linear",)
    if not every:
        _require_targets(model, config.target_modules)
    with _peft() as peft, torch.random.fork_rng():
        settings = peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=0.0,  # dropout would make the ratio of old to new log-probabilities another than 1
            bias="none",
            target_modules="all-linear" if every else list(config.target_modules),
        )
        torch.manual_seed(derive_seed(seed, "lora"))
        adapted: PeftModel = peft.get_peft_model(model, settings)
    adapted.train(model.training)
    return adapted


def save_lora(adapted: PeftModel, folder: Path) -> None:
    """Write the adapters and the name of their base into an existing folder, as peft and transformers load them."""
    base: Any = adapted.get_base_model()
    path = Path(base.name_or_path)
    for settings in adapted.peft_config.values():
        settings.base_model_name_or_path = str(path.resolve()) if path.is_dir() else base.name_or_path
    # "auto", the default, asks the network whether the base has another vocabulary.
    adapted.save_pretrained(str(folder), save_embedding_layers=False)


def load_lora(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Freeze the model and give it the saved adapters, bit for bit, to be trained on.

    Raises `ValueError` when the folder has none.
    """
    if not (folder / "adapter_config.json").is_file():
        raise ValueError(f"{folder} holds no adapters: there is no adapter_config.json in it")
    with _peft() as peft:
        adapted: PeftModel = peft.PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    adapted.train(model.training)
    return adapted


def merged_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights a model without adapters would need to be this policy, by the names it would have for them.

    W + (alpha / rank) · B A for an adapted layer, computed in fp32 and rounded to W's type, one layer at a time; every
    other tensor is the model's own. The training weights are not touched. It is for engines that have a model of their
    own; of a model without adapters it is `state_dict().items()`.
    """
    layers = {name: module for name, module in model.named_modules() if hasattr(module, "base_layer")}
    for name, tensor in model.state_dict().items():
        layer, inside, tail = name.rpartition(".base_layer.")
        if inside and layer in layers:
            delta = _delta(layers[layer]) if tail == "weight" else None
            yield f"{layer}.{tail}", tensor if delta is None else (tensor.float() + delta).to(tensor.dtype)
        elif not any(name.startswith(f"{layer}.") for layer in layers):
            yield name, tensor


def remove_lora(model: nn.Module) -> None:
    """Put the layers under the adapters back where they were, as if there never had been any."""
    for name, layer in list(model.named_modules()):
        if hasattr(layer, "base_layer"):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, layer.base_layer)


@torch.no_grad()
def _delta(module: nn.Module) -> Tensor | None:
    """(alpha / rank) · B A of the layer's active adapters together, in fp32; None where it has no active one."""
    layer: Any = module  # peft's
    if layer.disable_adapters or layer.merged:
        return None
    deltas = [layer.get_delta_weight(name).float() for name in layer.active_adapters if name in layer.scaling]
    return torch.stack(deltas).sum(0) if deltas else None


def _require_targets(model: PreTrainedModel, targets: tuple[str, ...]) -> None:
    modules = dict(model.named_modules())
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    tied = head is not None and embedding is not None and head.weight is embedding.weight
    for target in targets:
        found = [module for name, module in modules.items() if name == target or name.endswith(f".{target}")]
        if not found:
            linear = {name.rpartition(".")[2] for name, module in modules.items() if isinstance(module, nn.Linear)}
            raise ValueError(f"no layer of the model is named {target!r}; its linear layers are {sorted(linear)}")
        if tied and any(module is head or module is embedding for module in found):
            raise ValueError(f"{target!r} is the embedding and the output layer in one tensor, which takes no adapter")


@contextmanager
def _peft() -> Iterator[ModuleType]:
    """The package, without the warning that it asks transformers for a property under its old name."""
    try:
        import peft
    except ModuleNotFoundError:
        raise ModuleNotFoundError("adapters need peft; pip install 'pgkern[lora]'", name="peft") from None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield peft
