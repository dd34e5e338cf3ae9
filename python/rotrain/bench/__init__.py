"""How fast, how large: a variant of a model, measured in a process of its own."""
