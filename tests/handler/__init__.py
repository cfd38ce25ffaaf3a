"""Tests of `handler/`."""
