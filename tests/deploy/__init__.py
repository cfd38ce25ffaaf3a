"""Images, manifests, monitoring."""
