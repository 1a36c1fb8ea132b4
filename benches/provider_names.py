"""What the providers of both loss benches are called in records."""

PGKERN, NAIVE, CROSS_ENTROPY, COMPILED = "pgkern", "naive torch", "torch cross_entropy", "torch.compile of it"
