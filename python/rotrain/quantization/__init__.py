"""A trained model in fewer bits, and what it costs."""
