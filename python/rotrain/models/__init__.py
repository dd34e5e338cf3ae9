"""Decoders: one residual stack, a replaceable mixer, and exact counts of size and work."""
