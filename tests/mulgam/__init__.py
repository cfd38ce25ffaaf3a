"""Tests of the contract package `mulgam/`."""
