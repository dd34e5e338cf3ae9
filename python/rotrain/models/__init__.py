"""Decoders: one residual stack, a replaceable mixer, and exact accounting of size and work."""
