"""Run a study: train, quantize, evaluate and benchmark models, then write a report. A stopped study continues."""
