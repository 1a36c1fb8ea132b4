"""Settings of a run that takes seconds."""

SMALL = [
    "data.num_digits=1",
    "data.num_train=60",
    "data.num_validation=12",
    "model.hidden_size=32",
    "model.num_layers=1",
    "warmup.steps=4",
    "warmup.batch_size=8",
    "rollouts.prompts_per_step=4",
    "rollouts.samples_per_prompt=4",
    "rollouts.max_tokens=12",
    "optimizer.schedule=constant",  # so that a run of two steps is the beginning of one of seven
    "run.checkpoint_every=2",
    "run.evaluate_every=3",
]
