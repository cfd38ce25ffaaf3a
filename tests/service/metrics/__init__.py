"""Tests of `service/metrics/`."""
