"""What a service tells of single requests: log lines and traces."""
