"""The operations that the server itself offers; each module has ``operation(host) -> Operation``."""
