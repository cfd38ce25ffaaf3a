"""Setting up a machine, images, Kubernetes, monitoring."""
