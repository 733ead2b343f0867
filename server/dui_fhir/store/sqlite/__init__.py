"""The embedded store: one SQLite file per tenant, one writer process per data directory (docs/stores.md)."""
