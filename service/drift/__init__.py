"""Drift: how far what callers send, and what is predicted, has moved from what the model was trained on."""
