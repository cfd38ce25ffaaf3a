"""Tests of `mulgam/client/`."""
