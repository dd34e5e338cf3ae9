"""Quantize a trained model, and measure how much its predictions change."""
