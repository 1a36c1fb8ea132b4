"""Checkpoints: what is in one, which there are, which is whole."""
