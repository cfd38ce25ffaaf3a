"""Trains, verifies, exports and publishes models (torch); writes the registry."""
