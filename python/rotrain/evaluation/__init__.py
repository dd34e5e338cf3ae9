"""What a model knows: bits per byte, divergence from another model, probes of Romanian, tasks."""
