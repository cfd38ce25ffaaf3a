"""The gateway and its supervisor: HTTP in front of a backend (flask; no torch, ever)."""
