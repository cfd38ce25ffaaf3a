"""Tests of training, verification, export and publishing."""
