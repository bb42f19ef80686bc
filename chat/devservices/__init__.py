"""PostgreSQL, Valkey and the offline model as child processes, for development and tests."""

from chat.devservices.program import ServiceError
from chat.devservices.servers import embedded_postgres, embedded_valkey, offline_model_server

__all__ = ["ServiceError", "embedded_postgres", "embedded_valkey", "offline_model_server"]
