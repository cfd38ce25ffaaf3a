"""Requests of several callers become one run of a model, without anyone waiting for it."""
