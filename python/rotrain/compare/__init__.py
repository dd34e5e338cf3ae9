"""A whole study: train, quantize, evaluate, benchmark, report, cell by cell. It continues where it stopped."""
