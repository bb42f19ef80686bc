"""A site as in production: stores, a model and workers, with proxies between them that cause faults."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from tests.faults import launch, stores
from tests.faults.balancer import Balancer
from tests.faults.proxy import ChaosProxy
from tests.faults.visitors import Visitor, new_account
from tests.support.client import new_client
from tests.support.offline import OfflineServer
from tests.support.ports import free_port
from tests.support.production import PRODUCTION
from tests.support.programs import Program

START_SECONDS = 50  # one or two on a quiet machine
SILENCE_SECONDS = 20  # of the model, until it is left


class Worker:
    """`chat serve` in a separate process."""

    def __init__(self, process: Program, name: str, port: int, faults: str, log: Path) -> None:
        self.process = process
        self.name = name
        self.faults = faults
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.returncode is None

    def send_signal_to_group(self, number: signal.Signals) -> None:
        """To the process and to those it has started, as a terminal or a service manager does."""
        for pid in (self.process.pid, *stores.children(self.process.pid)):
            os.kill(pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        """Stop the process; its connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue the process, which does not notice the pause."""
        self.process.send_signal(signal.SIGCONT)

    def says(self, words: str) -> Callable[[], Awaitable[bool]]:
        """A question for `eventually`: whether these words are in its log."""

        async def said() -> bool:
            return words in self.log.read_text()

        return said

    async def end(self, *, seconds: float = 30) -> int:
        """The exit code, after the process ended by itself."""
        return await self.process.end(seconds)

    async def until_ready(self) -> None:
        """Whether the worker is ready, which includes its stores."""
        deadline = time.monotonic() + START_SECONDS
        async with new_client(base_url=self.url) as http:
            while self.is_alive and time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)  # `eventually` would raise an AssertionError: see below
        # No AssertionError, which test_ablation.py takes for what it wants to see.
        raise RuntimeError(f"The worker does not serve. Its last words:\n{self.log.read_text()[-2000:]}")


class Cluster:
    """The stores, model and workers that this folder's tests share; `workers` are healthy when a test starts."""

    def __init__(self, folder: Path, model: OfflineServer) -> None:
        self.folder = folder
        self.model = model
        self.postgres = stores.postgres(folder / "postgres")
        self.valkey = stores.valkey(folder / "valkey")
        self.model_proxy = ChaosProxy(("127.0.0.1", httpx.URL(model.root).port or 0))
        self._launched: list[Worker] = []
        self._connection: asyncpg.Connection | None = None
        self._asking = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Cluster]:
        """A cluster with migrated stores and without workers."""
        async with contextlib.AsyncExitStack() as stack:
            model = OfflineServer(stack.enter_context(offline_model_server("--pace-ms", "1", log=folder / "model.log")))
            stack.push_async_callback(model.http.aclose)
            cluster = cls(folder, model)
            for store in (cluster.postgres, cluster.valkey):
                store.start()
                stack.callback(store.stop)
            for proxy in (cluster.postgres.proxy, cluster.valkey.proxy, cluster.model_proxy):
                await stack.enter_async_context(proxy.running())
            stack.callback(cluster.dismiss)
            stack.callback(cluster._forget_connection)
            assert await cluster.launch("migrate").end() == 0
            yield cluster

    async def workers(self, count: int, faults: str = "") -> list[Worker]:
        """This number of running workers with these faults; workers of earlier tests are reused."""
        group = [worker for worker in self._launched if worker.is_alive and worker.faults == faults][:count]
        group += [self.launch("serve", faults) for _ in range(count - len(group))]
        await asyncio.gather(*(worker.until_ready() for worker in group))
        return group

    @asynccontextmanager
    async def balanced(self, *workers: Worker) -> AsyncIterator[Balancer]:
        """A load balancer in front of these workers."""
        async with Balancer([worker.url for worker in workers]).running() as balancer:
            yield balancer

    def launch(self, command: str, faults: str = "", **settings: str) -> Worker:
        """A new process, which may need a second until it is ready."""
        port = free_port()
        name = f"worker-{len(self._launched)}"
        log = self.folder / f"{name}.log"
        database = f"postgres://postgres@127.0.0.1:{self.postgres.proxy.port}/postgres"
        environment = PRODUCTION | {
            "PATH": os.environ["PATH"],
            "FAULTS": faults,
            "PORT": str(port),
            "DATABASE_URL": f"{database}?sslmode=disable&application_name={name}",
            "REDIS_URL": f"redis://127.0.0.1:{self.valkey.proxy.port}",
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": f"{self.model_proxy.url}/v1",
            "LLM_PRICES": LLM_PRICES,
            "LLM_TITLES": "off",
            "LLM_TIMEOUT_SECONDS": str(SILENCE_SECONDS),
            "TRUSTED_PROXIES": "1",
            "EMAIL_VERIFICATION_REQUIRED": "False",  # no fault test is about new accounts
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "text",
            **settings,
        }
        process = Program(launch.main, command, environment=environment, folder=self.folder, output=log)
        self._launched.append(Worker(process, name, port, faults, log))
        return self._launched[-1]

    def heal(self) -> None:
        """Undo every fault after a test."""
        for store in (self.postgres, self.valkey):
            store.proxy.heal()
            if not store.is_up:
                store.start()
        self.model_proxy.heal()
        for worker in self._launched:
            worker.resume()

    def dismiss(self, *kept: str) -> None:
        """End the workers, except those with these faults."""
        for worker in self._launched:
            if worker.is_alive and worker.faults not in kept:
                worker.resume()
                worker.kill()

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Query the database directly, past the proxy."""
        async with self._asking:
            try:
                return await self._rows(sql, *values)
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):  # it was restarted
                self._forget_connection()
                return await self._rows(sql, *values)

    def _forget_connection(self) -> None:
        if self._connection:
            self._connection.terminate()
            self._connection = None

    async def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """On one connection: a new one for each of a thousand questions would be most of the load."""
        if not self._connection:
            writable = {"default_transaction_read_only": "off"}  # also when the workers' connections are not
            self._connection = await asyncpg.connect(self.postgres.url, server_settings=writable)
        if not values and ";" in sql:
            await self._connection.execute(sql)
            return []
        return [dict(row) for row in await self._connection.fetch(sql, *values)]

    async def redis(self, *words: str | int) -> Any:
        """One command, past the proxy, as redis-cli takes it."""
        return await stores.command(self.valkey, *words)

    @asynccontextmanager
    async def alice(self, at: Worker | str) -> AsyncIterator[Visitor]:
        """A new account, whose browser talks to this worker."""
        async with new_account(at if isinstance(at, str) else at.url) as person:
            yield person
