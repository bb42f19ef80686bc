"""Redis behind TLS: the certificate is verified as REDIS_TLS_VERIFY says."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from redis.exceptions import ConnectionError as Refused

from chat import broadcast
from chat.broadcast import Broadcast, Publish, control_channel
from chat.events import StopRequested
from tests.support.certificates import new_certificate
from tests.support.stores import Stores
from tests.support.tls import behind_tls
from tests.support.waiting import LONG_SECONDS


async def answer(url: str, verify: str) -> bool:
    redis = broadcast.connect(url, verify)
    try:
        return bool(await redis.ping())
    finally:
        await redis.aclose()


async def test_a_certificate_signed_by_itself_is_refused_unless_the_setting_knows_it(
    stores: Stores, tmp_path: Path
) -> None:
    certificate = new_certificate(tmp_path, "IP:127.0.0.1")
    (other := tmp_path / "other").mkdir()
    async with behind_tls(unquote(urlsplit(stores.redis_url).path), certificate) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
            await answer(url, "on")
        with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
            await answer(url, f"{new_certificate(other, 'IP:127.0.0.1')}.crt")
        assert await answer(url, f"{certificate}.crt")
        assert await answer(url, "off")
        assert await answer(f"{url}?ssl_cert_reqs=none", "on")


async def test_a_certificate_of_another_host_is_refused(stores: Stores, tmp_path: Path) -> None:
    certificate = new_certificate(tmp_path, "DNS:other.example.com")
    async with behind_tls(unquote(urlsplit(stores.redis_url).path), certificate) as port:
        with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
            await answer(f"rediss://127.0.0.1:{port}", f"{certificate}.crt")
        assert await answer(f"rediss://127.0.0.1:{port}?ssl_check_hostname=false", f"{certificate}.crt")


async def test_channels_work_without_verification(stores: Stores, tmp_path: Path) -> None:
    certificate = new_certificate(tmp_path, "IP:127.0.0.1")
    async with behind_tls(unquote(urlsplit(stores.redis_url).path), certificate) as port:
        live = Broadcast(broadcast.connect(f"rediss://127.0.0.1:{port}", "off"))
        running = asyncio.create_task(live.run())
        async with live.channels.subscribe(control_channel()) as subscription:
            await asyncio.wait_for(subscription.ready.wait(), LONG_SECONDS)
            await live.announce(Publish(control_channel(), StopRequested(uuid.uuid4())))
            assert await asyncio.wait_for(subscription.get(), LONG_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await live.channels._redis.aclose()
