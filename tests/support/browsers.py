"""A person in another browser."""

from __future__ import annotations

from tests.support.cast import Person
from tests.support.site import Site

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
SAFARI = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {APPLE} Version/18.0 Mobile/15E148 Safari/604.1"


async def elsewhere(site: Site, person: Person, user_agent: str = SAFARI) -> Person:
    """The same person in another browser."""
    other = Person(site, person.http.__class__(base_url=site.url, headers={"Origin": site.url}, timeout=20))
    other.http.headers["User-Agent"] = user_agent
    assert (await other.log_in(person.email)).status_code == 303
    return other
