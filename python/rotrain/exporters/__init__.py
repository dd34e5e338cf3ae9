"""TrainedModel models in the formats other programs read."""
