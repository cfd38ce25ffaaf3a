"""Tests of the gateway and its supervisor."""
