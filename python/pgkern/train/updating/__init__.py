"""Gradients and the optimiser's step."""
