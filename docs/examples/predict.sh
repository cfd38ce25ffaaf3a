#!/bin/sh
# sh docs/examples/predict.sh [URL]
# curl tries again where that helps, waiting as long as Retry-After says; an error answer makes it fail and is printed.
url=${1:-http://127.0.0.1:8000}
curl -sS --fail-with-body --retry 3 --max-time 10 "$url/predict/house-price" \
    -H 'Content-Type: application/json' -H 'X-Request-Timeout: 10' \
    -d '{"instances": [{"area": 32, "rooms": 3, "distance": 0.3}, [33, 3, 0.5]]}'
