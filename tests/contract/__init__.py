"""What holds between parts: both roads of a request, the protocols as their own clients speak them."""
