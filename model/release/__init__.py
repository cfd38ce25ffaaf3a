"""From a trained module to a published version: export, parity, golden requests."""
