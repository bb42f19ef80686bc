"""Lost connections of a person's tabs."""

from __future__ import annotations

from playwright.async_api import expect

from chat.models import User
from chat.web.chat.open_sockets import OpenSocket
from tests.support.cast import Person
from tests.support.desk import ChatPage
from tests.support.site import Site

LOST = "reconnecting"


async def cut(chat: ChatPage, person: Person, site: Site) -> None:
    """End the person's sockets from the server's side, and let no new one through until the page is online again.

    Chromium's offline mode alone would leave a socket to this machine as it is.
    """
    async with chat.socket.expect_event("close"):
        await leave(person, site)
    await chat.page.context.set_offline(True)
    await leave(person, site)  # the page may have connected again in between
    await expect(chat.status).to_have_attribute("data-phase", LOST)


async def leave(person: Person, site: Site) -> None:
    """Close the sockets as a restarting server does."""
    for socket in await sockets_of(person, site):
        socket.leave()


async def sockets_of(person: Person, site: Site) -> set[OpenSocket]:
    user = await User.get(email=person.email)
    return {socket for socket, owner in site.resources.sockets._owners.items() if owner == user.id}
