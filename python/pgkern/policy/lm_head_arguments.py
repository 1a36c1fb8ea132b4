"""What the losses from hidden states take of a model's head, with its LoRA adapters."""

from typing import Any

import torch
from torch import Tensor, nn

from ..require_instance import require_instance
from .linear.lora import Lora

_OWN_LOGITS = "or compute the logits with it and call logits_policy_loss"


def lm_head_arguments(module: nn.Module) -> dict[str, Any]:
    """`weight`, `bias` and `lora` of a language model's head, as the model would use them now:

        linear_policy_loss(hidden, token_ids=token_ids, ..., **lm_head_arguments(model.lm_head))

    Args:
        module: a `torch.nn.Linear`; or what peft makes of one that is a target of LoRA, or that it saves as a whole
            (`modules_to_save`). peft itself is not imported.

    The active adapters together are one `lora`; merged ones are in the weight already, and disabled ones left out. Take
    the arguments anew for every loss, since all of that may change. A head that is tied to the embedding is nothing
    special: its weight's gradient is added to the embedding's. What the model does to logits after its head (a soft
    cap, a scale) is not the head's: pass `softcap`, or the scale by way of `temperature`.

    Without this, `model.lm_head.weight` of a head with adapters is the frozen weight under them: the loss would be of
    another policy than the model samples from, and the adapters would get no gradient, without any error.

    Raises:
        ValueError: a head whose logits are not `hidden @ (weight + scaling * lora_B @ lora_A).T + bias`: of another
            kind or quantised, DoRA and other variants, dropout that is active, LoRA with a bias, a transposed weight,
            adapters that are merged and disabled at once. It says what can be done.
    """
    require_instance("module", module, nn.Module)
    if hasattr(module, "modules_to_save") and hasattr(module, "original_module"):
        return lm_head_arguments(_in_use(module))
    if not hasattr(module, "base_layer"):
        return _of_linear(module)
    layer: Any = module.base_layer
    arguments = lm_head_arguments(layer)
    if arguments["lora"] is not None:
        raise ValueError("an adapter on top of another one's layer: merge the inner one")
    return {**arguments, "lora": _lora(module)}


def _of_linear(module: nn.Module) -> dict[str, Any]:
    kind = type(module).__name__
    if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward:
        raise ValueError(
            f"a head must be a torch.nn.Linear (not quantised) or peft's LoRA of one, got {kind}: "
            f"pass weight, bias and lora yourself, {_OWN_LOGITS}"
        )
    weight, shape = module.weight, [module.out_features, module.in_features]
    plain = type(weight) in (Tensor, nn.Parameter) or hasattr(weight, "full_tensor")
    if not plain or weight.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise ValueError(
            f"the head's weight is a {type(weight).__name__} of {weight.dtype}: "
            f"leave the head out of the quantisation, {_OWN_LOGITS}"
        )
    if list(weight.shape) != shape:
        raise ValueError(f"the head's weight has shape {list(weight.shape)}, expected {shape}: gather it first")
    return {"weight": weight, "bias": module.bias, "lora": None}


def _in_use(module: Any) -> nn.Module:
    """Of a module that peft keeps a trained copy of for every adapter."""
    active = list(module.active_adapters)
    trained = not module.disable_adapters and active and all(name in module.modules_to_save for name in active)
    found: nn.Module = module.modules_to_save[active[0]] if trained else module.original_module
    return found


def _lora(module: Any) -> Lora | None:
    """Of what peft calls `lora.Linear`."""
    kind = f"{type(module).__module__.split('.')[0]}'s {type(module).__name__}"
    if not isinstance(getattr(module, "lora_A", None), nn.ModuleDict) or hasattr(module, "parameter_name"):
        raise ValueError(f"only LoRA of a linear layer can be taken from a head, got {kind}: merge it, {_OWN_LOGITS}")
    if module.disable_adapters:
        if module.merged:
            raise ValueError(
                "the head's adapters are disabled but merged into its weight: call unmerge_adapter() first"
            )
        return None
    if module.merged:
        return None
    names = [name for name in module.active_adapters if name in module.lora_A]
    for name in names:
        _require_plain(module, name)
    adapters = [(module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name]) for name in names]
    if len(adapters) < 2:
        return adapters[0] if adapters else None
    # Scaled in fp32 at least: one scaling is left for all of them.
    scaled = [a.to(torch.promote_types(a.dtype, torch.float32)) * scaling for a, _, scaling in adapters]
    return torch.cat(scaled), torch.cat([b for _, b, _ in adapters], 1), 1.0


def _require_plain(module: Any, name: str) -> None:
    """Refuse an adapter that is not two matrices and a number."""
    variant = getattr(module, "lora_variant", {}).get(name)
    if variant is not None or getattr(module, "use_dora", {}).get(name):
        kind = "DoRA" if variant is None else type(variant).__name__
        raise ValueError(f"adapter {name!r} of the head is not plain LoRA but {kind}: merge it, {_OWN_LOGITS}")
    dropout = module.lora_dropout[name]
    if dropout.training and getattr(dropout, "p", 0) > 0:
        raise ValueError(
            f"adapter {name!r} of the head has lora_dropout {dropout.p} and is in training mode: "
            "give the head lora_dropout 0, or call eval() on its lora_dropout"
        )
    if getattr(module, "fan_in_fan_out", False):
        raise ValueError(f"the head's adapter {name!r} is for a transposed weight: set fan_in_fan_out to False")
    if module.lora_B[name].bias is not None:
        raise ValueError(f"adapter {name!r} of the head has a bias: set lora_bias to False, {_OWN_LOGITS}")
