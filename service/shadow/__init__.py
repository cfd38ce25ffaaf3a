"""Another version answers the same requests once more, unheard, and is compared."""
