"""rotrain: train, run and export small Romanian language models from a pack directory."""

__version__ = "0.1.0"
