"""The page at `/`: plain HTML, CSS and ES modules, made from what `/models` tells; no build, no other host."""
