"""Policy-gradient losses: from log-probabilities, from logits, and from hidden states and the head's weight."""
