"""A client for a Mulgam service: tables in, arrays out, over kept connections, with retries that respect Retry-After.

    from mulgam.client import Client

    client = Client("http://127.0.0.1:8000")
    client.predict("house-price", [{"area": 32, "rooms": 3, "distance": 0.3}])

Why one of our own, when any client of the V2 protocol works (`docs/http.md`): V2 knows tensors, so that its callers
must know the order of the columns and the ids of the words; here a row has names. None of those clients cuts a table
into requests that the server takes, waits as long as Retry-After says, or tells which row of the table was refused.

Why without a library for HTTP: connection reuse, TLS and time-outs are all that is needed of one, which Python's
`http.client` has; retries under one deadline would have to be written on top of any. So numpy is all it needs, as all
of `mulgam/` does, and this folder can be carried into another project. pandas is used where the caller uses it.

    client.py        what a caller sees
    tables.py        rows of any kind, cut and written; frames.py: pandas
    asking.py        a table in pieces; own_json.py, binary.py: the two forms that a piece travels in
    descriptions.py  what the service tells of its models
    calling.py       one request: headers, time, error; retrying.py: when it is sent again
    connections.py   one exchange over a kept connection
    errors.py        what is raised
"""

from mulgam.client.client import Answer, Client, Model
from mulgam.client.errors import ClientError, RequestError, UnavailableError

__all__ = ["Answer", "Client", "ClientError", "Model", "RequestError", "UnavailableError"]
