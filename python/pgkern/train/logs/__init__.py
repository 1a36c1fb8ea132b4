"""What a run writes and prints, line by line."""
