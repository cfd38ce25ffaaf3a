"""`make drill`: inject each fault, compare what happens with what is promised; docs/operations.md has the table."""
