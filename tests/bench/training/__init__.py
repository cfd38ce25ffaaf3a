"""`make bench-train`: Mulgam's models beside what a practitioner would else take, on the same rows."""
