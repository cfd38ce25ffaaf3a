"""Tests of `service/shadow`."""
