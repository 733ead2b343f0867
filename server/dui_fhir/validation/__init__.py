"""Is this resource what FHIR says it is? Offline, all faults together, each with its element path.

Order: structure (``structure.py``, compiled from the R4 tables), then profiles, terminology, invariants, and last the
rules of the corridors, which are not here. Source: FHIR R4, validation.html.
"""
