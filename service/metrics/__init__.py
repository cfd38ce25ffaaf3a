"""What is counted, and how Prometheus is told: the series, what fills them, their text, and the files they live in."""
