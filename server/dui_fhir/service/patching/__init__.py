"""Patches: from a resource and a patch document to a new resource. Pure; the caller checks and stores the result.

Source: FHIR R4, http.html#patch and fhirpatch.html.
"""
