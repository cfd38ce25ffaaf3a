"""Bulk prediction: a table in, a table out, row by row in bounded memory. Over HTTP and offline."""
