"""Run directories: their files, checkpoints and metrics, and the trained models in them."""
