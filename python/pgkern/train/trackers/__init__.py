"""Where metrics go besides the run folder: TensorBoard and Weights & Biases, each one file."""

from .open_trackers import open_trackers
from .tracker import Tracker, Trackers

__all__ = ["Tracker", "Trackers", "open_trackers"]
