"""The served module and the parts it is built of."""
