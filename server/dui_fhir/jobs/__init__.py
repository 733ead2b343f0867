"""The outbox at work: claims jobs, hands them to connectors, settles them with what people see of them."""

from dui_fhir.jobs.worker import Worker

__all__ = ["Worker"]
