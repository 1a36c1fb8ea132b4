"""The rollouts of a step, drawn now or ahead."""
