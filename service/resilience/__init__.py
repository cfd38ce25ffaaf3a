"""A backend may fail: calls tried again, refused while it is gone, and golden requests all the while."""
