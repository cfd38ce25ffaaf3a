"""Tests of `service/backends`."""
