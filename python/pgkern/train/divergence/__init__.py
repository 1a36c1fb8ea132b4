"""When a run has gone wrong, and how that is told."""
