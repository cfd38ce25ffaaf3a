"""The life of a gateway process: its line to the supervisor, other versions taken over, its end."""
