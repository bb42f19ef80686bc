"""PostgreSQL and Valkey as child processes, for development and tests."""

from chat.devservices.program import ServiceError
from chat.devservices.servers import embedded_postgres, embedded_valkey

__all__ = ["ServiceError", "embedded_postgres", "embedded_valkey"]
