"""The surrogates, one a file. A new one is a file here and a line in this table."""

from .clip import CLIP
from .detach import DETACH
from .geometric_clip import GEOMETRIC_CLIP
from .mirror import MIRROR
from .plain import PLAIN
from .soft_gate import SOFT_GATE
from .surrogate import Surrogate

SURROGATES: dict[str, Surrogate] = {
    "plain": PLAIN,
    "clip": CLIP,
    "detach": DETACH,
    "soft_gate": SOFT_GATE,
    "geometric_clip": GEOMETRIC_CLIP,
    "mirror": MIRROR,
}
