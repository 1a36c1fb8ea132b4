"""What is known of a step's samples before the update."""
