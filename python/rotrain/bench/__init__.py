"""Measure the speed and memory of models. Each variant runs in its own process."""
