"""`make bench`: Mulgam beside what its users would take instead, each checked before it is timed."""
