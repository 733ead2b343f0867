"""Work too long for one request: exports and imports of ndjson, searches answered later.

A kick-off writes a folder (what is asked, later what came of it) and a job of the outbox; the runner, in the worker process,
does the work slice by slice. Each slice is on disk before the position that counts it, so that a process killed at any point is
resumed by the next one without loss or repetition. Source: FHIR R4, async.html; Bulk Data Access 2.0.0.
"""
