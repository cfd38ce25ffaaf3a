"""What computes a prediction: interchangeable behind one small protocol (`base.Backend`)."""
