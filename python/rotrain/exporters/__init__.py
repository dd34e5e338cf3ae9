"""Export a trained model to formats that other programs read."""
