"""Tests of `service/protocols`."""
