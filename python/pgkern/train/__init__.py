"""The thin trainer: configuration, step, loop, checkpoint, metrics, report."""
