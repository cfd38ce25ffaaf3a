"""Recipes: what to train, from TOML, with a default for everything but the name, the table and its target."""
