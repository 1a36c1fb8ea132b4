"""GPU kernels in Triton, and the torch code that launches them."""
