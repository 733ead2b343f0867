"""Search: URL → query, resource → index values, and what a query means."""
