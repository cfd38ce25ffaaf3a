"""Tests of `service/queueing`."""
