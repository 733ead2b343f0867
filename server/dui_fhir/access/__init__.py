"""Who is behind a request: adapters of :class:`dui_fhir.ports.TokenVerifier`."""
