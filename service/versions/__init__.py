"""What is served: verified versions, which of them a request gets, and what numbers it may hold."""
