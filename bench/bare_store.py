"""The ceiling of writes: a bare Flask + granian application that hands ready-made plans to the store, nothing else.

Each request is one durable transaction of two resources and twenty index values, as ``bench.store`` makes them: no JSON is
read, nothing is checked, nothing is indexed.
"""

import os
import random

from flask import Flask, Response

from bench.store import transaction
from dui_fhir.domain.plan import Committed
from dui_fhir.settings import load
from dui_fhir.store.sqlite.stores import SqliteStores

app = Flask(__name__)
_stores = SqliteStores(load(environment={}, flags={"data_dir": os.environ["BARE_DATA"]}), writer="client")
_store = _stores.open("bench")
_rng = random.Random(os.getpid())


@app.get("/")
def alive() -> Response:
    """Tell that the process answers."""
    return Response("ok")


@app.post("/fhir")
def write() -> Response:
    """Write one transaction."""
    answer = _store.submit(transaction(_rng))
    return Response("{}", status=200 if isinstance(answer, Committed) else 500, content_type="application/fhir+json")
