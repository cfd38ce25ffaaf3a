"""Tests of `service/doctor/`."""
