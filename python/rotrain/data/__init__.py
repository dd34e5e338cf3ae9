"""Reading a pack directory: its manifest, its token streams, its tokenizer, its order."""
