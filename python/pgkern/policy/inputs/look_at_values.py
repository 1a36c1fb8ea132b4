"""Whether the values of an input are looked at, so that a wrong one can be named."""

import torch


def look_at_values(device: torch.device) -> bool:
    """On the CPU, outside compiled code.

    A GPU would have to be waited for, and a compiler sees no values: there a wrong value makes the results NaN, and
    nothing is read out of bounds.
    """
    return device.type == "cpu" and not torch.compiler.is_compiling()
