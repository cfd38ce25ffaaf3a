"""The parent of all serving processes: starts them, watches them, restarts what dies, answers for health."""
