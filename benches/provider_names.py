"""What the providers of both loss benches are called in records."""

PGKERN, NAIVE, CROSS_ENTROPY, COMPILED = "pgkern", "naive torch", "torch cross_entropy", "torch.compile of it"
PGKERN_IN_PLACE, PGKERN_ALL_ACTIVE = "pgkern in place", "pgkern, every sequence active"
PRODUCTS = "bare products"
COPY = "copy of the logits"
