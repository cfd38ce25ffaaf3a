"""The HTTP server alone."""
