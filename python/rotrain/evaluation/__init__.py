"""Evaluate a model: bits per byte, divergence from another model, probes of Romanian, and tasks."""
