"""FHIR interactions, free of any framework: one file each, from a :class:`~dui_fhir.service.message.ServiceRequest`."""
