"""GGUF: one file of metadata, tokenizer and weights that stock llama.cpp loads."""
