"""Held-out problems: mean reward, pass@k and votes."""
