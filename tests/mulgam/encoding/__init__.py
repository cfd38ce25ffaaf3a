"""Tests of `mulgam/encoding/`, one file for each of its own."""
