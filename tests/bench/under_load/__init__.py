"""What `make bench` shows beside the comparison: Mulgam alone, under load that is not wrk's closed loop."""
