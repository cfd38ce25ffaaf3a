"""The table: read, typed, described, split."""
