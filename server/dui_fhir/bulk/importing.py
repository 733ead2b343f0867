"""An import of ndjson, lot by lot: a lot is one transaction; where it is refused, its lines are written one by one.

A line without ``id`` gets one that derives from the import and its number, so that a lot done again changes nothing.
"""

from collections.abc import Iterator
from itertools import islice
from typing import IO, Any
from uuid import UUID, uuid5

from dui_fhir.bulk.folder import Folder, State
from dui_fhir.bulk.sources import expected_type
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, DuiError, Unavailable
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.service import content
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceRequest

LOT_LINES = 100
LOT_BYTES = 4_000_000
_NAMESPACE = UUID("5d0c8a52-5a37-5a86-9d43-0cf1c1a0b6c1")

Line = tuple[int, Resource]


class Import:
    """See the module. Position: the byte and the line where the next lot begins."""

    def step(self, call: Call, folder: Folder, state: State) -> bool:
        """See :class:`dui_fhir.bulk.work.Work`."""
        position = state.position or {"byte": 0, "line": 0}
        if not state.counts:
            state.counts = {"created": 0, "changed": 0, "unchanged": 0, "refused": 0}
        with folder.body.open("rb") as stream:
            stream.seek(position["byte"])
            read = list(_lot(stream))
            end = stream.tell()
        good: list[Line] = []
        parts, byte = folder.request().get("parts", []), position["byte"]
        for number, text in enumerate(read, position["line"] + 1):
            type, byte = expected_type(parts, byte), byte + len(text)
            try:
                if text.strip():
                    good.append((number, self._resource(call, folder, number, text, type)))
            except DuiError as error:
                self._refuse(folder, state, number, error)
        self._write(call, folder, state, good)
        state.position = {"byte": end, "line": position["line"] + len(read)}
        state.progress = f"{state.position['line']} lignes lues, {state.counts['refused']} refusées"
        return not read

    def _resource(self, call: Call, folder: Folder, number: int, text: bytes, type: str | None) -> Resource:
        depth_max = call.engine.settings.json_depth_max
        resource = content.checked(content.parse(text.strip(), depth_max=depth_max))
        if type is not None and resource["resourceType"] != type:
            raise BadRequest.of(
                "core-import-type",
                f"La ligne est de type {resource['resourceType']}, l'import l'annonçait de type {type}.",
                "the type of a line is not that of its input",
            )
        return (
            resource if "id" in resource else {**resource, "id": str(uuid5(_NAMESPACE, f"{folder.path.name}|{number}"))}
        )

    def _write(self, call: Call, folder: Folder, state: State, lines: list[Line]) -> None:
        if not lines:
            return
        try:
            self._send(call, state, lines)
        except Unavailable:
            raise
        except DuiError as error:
            if len(lines) == 1:
                self._refuse(folder, state, lines[0][0], error)
                return
            middle = len(lines) // 2
            self._write(call, folder, state, lines[:middle])
            self._write(call, folder, state, lines[middle:])

    def _send(self, call: Call, state: State, lines: list[Line]) -> None:
        entries = [
            {
                "fullUrl": f"{call.request.base_url}/{r['resourceType']}/{r['id']}",
                "resource": r,
                "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"},
            }
            for _, r in lines
        ]
        before = call.store.read_many([(r["resourceType"], r["id"]) for _, r in lines])
        answer = call.dispatch(
            ServiceRequest(
                tenant=call.request.tenant,
                method="POST",
                path="",
                base_url=call.request.base_url,
                resource={"resourceType": "Bundle", "type": "transaction", "entry": entries},
                actor=call.request.actor,
            )
        )
        body = json.loads(answer.body) if isinstance(answer.body, bytes) else answer.body
        for (_, resource), entry in zip(lines, (body or {})["entry"], strict=True):
            found = before.get((resource["resourceType"], resource["id"]))
            state.counts[_effect(entry["response"], found.version if found else 0)] += 1

    def _refuse(self, folder: Folder, state: State, number: int, error: DuiError) -> None:
        where = Issue(
            severity="information",
            code="informational",
            id="core-import-line",
            text=f"Ligne {number}.",
            diagnostics=f"line {number}",
        )
        folder.append(state, "OperationOutcome", [json.dumps(outcome((*error.issues, where)))], "error")
        state.counts["refused"] += 1


def _effect(response: dict[str, Any], before: int) -> str:
    if str(response["status"]).startswith("201"):
        return "created"
    return "unchanged" if response.get("etag") == f'W/"{before}"' else "changed"


def _lot(stream: IO[bytes]) -> Iterator[bytes]:
    size = 0
    for line in islice(iter(stream.readline, b""), LOT_LINES):
        yield line
        size += len(line)
        if size >= LOT_BYTES:
            return
