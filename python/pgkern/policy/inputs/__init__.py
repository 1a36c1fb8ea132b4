"""What a caller gave: checked, flattened to one row per token, and weighed."""
