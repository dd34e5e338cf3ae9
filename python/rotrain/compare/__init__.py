"""The whole matrix of a study: train, quantize, evaluate, benchmark, report; cell by cell, and on from where it stopped."""
