"""What the loss of a token is made of, on numbers per token."""
