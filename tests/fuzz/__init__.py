"""`make fuzz`: mutated input for every decoder, in process, and for the service, on its socket."""
