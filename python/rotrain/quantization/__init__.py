"""Quantization: a trained model in fewer bits, and what that costs."""
