"""The ceiling: a bare Flask + granian application that returns one body stored in SQLite."""

import os

import sqlcipher3
from flask import Flask, Response

app = Flask(__name__)
_connections: dict[int, sqlcipher3.Connection] = {}


@app.get("/<key>")
def read(key: str) -> Response:
    """Return the body of this key."""
    import threading

    thread = threading.get_ident()
    connection = _connections.get(thread)
    if connection is None:
        connection = _connections[thread] = sqlcipher3.connect(os.environ["BARE_DB"], check_same_thread=False)
    row = connection.execute("SELECT body FROM body WHERE key = ?", (key,)).fetchone()
    return Response(row[0], content_type="application/fhir+json")
