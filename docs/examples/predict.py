"""`python -m docs.examples.predict [URL]`, from the repository's root: rows in, an array out."""

import sys

from mulgam.client import Client, ClientError

with Client(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000", timeout=10) as client:
    try:
        print(client.predict("house-price", [{"area": 32, "rooms": 3, "distance": 0.3}, [33, 3, 0.5]]))
    except ClientError as problem:
        sys.exit(f"{problem.code}: {problem}")
