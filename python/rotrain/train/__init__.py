"""Training: plan, step, evaluate, save, resume. Nothing here knows an architecture by name."""
