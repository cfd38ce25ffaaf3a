"""What stands in deploy/kubernetes, rendered and checked: `make manifests`."""
