"""The machine: its devices, memory, energy and processes."""
