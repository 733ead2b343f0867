"""The tenants of a deployment: a small collection of fixed shape, in the database that the URL names."""

from hashlib import blake2b

from mongoengine import Document, StringField

DATABASE_CHARS_MAX = 63


class Tenant(Document):  # type: ignore[misc]
    """One tenant and the database that holds it."""

    meta = {"abstract": True}

    name: str = StringField(primary_key=True)
    database: str = StringField(required=True)


def tenants_of(alias: str) -> type[Tenant]:
    """Return the model bound to one connection: mongoengine binds models, and a process may open several deployments."""
    meta = {"collection": "tenants", "db_alias": alias, "auto_create_index": False}
    return type("Tenant", (Tenant,), {"meta": meta})


def database_name(deployment: str, tenant: str) -> str:
    """Return the database of a tenant: ``<deployment>_<tenant>``, shortened with a digest where MongoDB allows less."""
    name = f"{deployment}_{tenant}"
    if len(name) <= DATABASE_CHARS_MAX:
        return name
    digest = blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{name[: DATABASE_CHARS_MAX - len(digest) - 1]}_{digest}"
