"""`make audit`: the code, what it is built on, and what must not be in the repository."""
