"""The ways to ask for a prediction. Each is decode and encode, without IO; the paths are in `paths.py`."""
