"""A Bundle posted to the base: batch or transaction. Source: FHIR R4, http.html#transaction."""
