"""The demonstration: one fictitious person, from the FHIR transaction to the DMP."""
