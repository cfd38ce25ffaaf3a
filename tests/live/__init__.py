"""Tests with every real process: the supervisor, the gateway, TorchServe."""
