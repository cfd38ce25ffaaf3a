"""Tests of `service/resilience`."""
