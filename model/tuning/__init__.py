"""Looks for better values of a recipe's keys, on its validation rows alone."""
