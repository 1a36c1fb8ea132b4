"""Passes over chunks of logits that come from hidden states and the head's weight."""
