"""Export to GGUF: one file with metadata, tokenizer and weights that stock llama.cpp loads."""
