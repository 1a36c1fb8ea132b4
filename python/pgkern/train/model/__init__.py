"""The policy: the model that is trained, its tokenizer and adapter, and the rows that go through it."""
