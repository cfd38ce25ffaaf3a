"""What the contestants run: each as its users would write it. Nothing of Mulgam is imported here."""
