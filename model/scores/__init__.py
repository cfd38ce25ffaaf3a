"""How good a model is, beside its baselines."""
