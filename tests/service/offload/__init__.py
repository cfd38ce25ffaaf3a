"""Tests of `service/bulk`."""
