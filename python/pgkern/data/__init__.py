"""Problems, prompts and the files they come from."""
