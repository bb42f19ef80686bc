"""The search page and its JSON: whose chats, grouped, ranked, in pages; and what can't be searched for."""

from __future__ import annotations

import pytest

from chat.models import ChatMessage, ChatThread, User
from chat.search import matches
from chat.search.find import CHATS, HITS, HITS_OF_ONE
from chat.search.indexing import index
from chat.search.query import parse
from chat.security.limits import SEARCH
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.searching import answer_to, found, indexed, said, texts
from tests.support.site import Site


async def test_alice_finds_her_words_marked_in_their_chat(alice: Person) -> None:
    thread_id = await said(alice, "How is fondue made?", "Melt Gruyère in white wine.")
    await ChatThread.filter(id=thread_id).update(title="Dinner")

    results = await found(alice, "gruyere")

    [chat] = results["chats"]
    [hit] = chat["hits"]
    assert results["query"] == "gruyere"
    assert results["next"] == ""
    assert (chat["thread_id"], chat["title"], chat["title_marks"], chat["more"]) == (thread_id, "Dinner", [], False)
    assert (hit["role"], hit["text"], hit["marks"]) == ("assistant", "Melt Gruyère in white wine.", [[5, 12]])
    assert not hit["in_another_version"]


async def test_marks_count_as_javascript_does(alice: Person) -> None:
    await said(alice, "😀😀 fondue")

    [hit] = (await found(alice, "fondue"))["chats"][0]["hits"]
    assert hit["marks"] == [[5, 11]]


async def test_no_one_finds_what_is_another_user_s(alice: Person, bob: Person, nobody: Person) -> None:
    thread_id = await said(alice, "My secret is 4711")

    assert await texts(alice, "secret") == ["My secret is 4711"]
    assert await texts(bob, "secret") == []
    assert await texts(bob, "secret", chat=thread_id) == []
    assert (await answer_to(nobody, q="secret")).status_code == 401


async def test_an_entry_under_another_user_s_lexeme_is_not_found(alice: Person, bob: Person) -> None:
    """The lexeme in the index is for speed; the column decides."""
    thread_id = await said(alice, "My secret is 4711")
    bob_id = (await User.get(email=bob.email)).id
    [message] = await ChatMessage.filter(thread_id=thread_id)
    entry = f"UPDATE search_entry SET words = words || $$'@{bob_id.hex}'$$ WHERE id = $1"
    await ChatMessage._meta.db.execute_query(entry, [message.id])

    assert await matches.messages(bob_id, parse("secret")) == []
    assert await texts(bob, "secret") == []


async def test_a_chat_is_found_by_its_title(alice: Person) -> None:
    thread_id = await past_thread(alice, title="Cheese of Switzerland")
    await indexed(thread_id)

    [chat] = (await found(alice, "switz"))["chats"]
    assert chat["title_marks"] == [[10, 21]]
    assert chat["hits"] == []


async def test_words_of_the_title_and_of_a_message_together_find_the_message(alice: Person) -> None:
    thread_id = await said(alice, "Which one melts?", "Gruyère melts.", "And for bread?", "Brie.")
    await alice.http.post(f"/chat/{thread_id}/title/", data={"title": "Cheese of Switzerland"})

    assert sorted(await texts(alice, "cheese melts")) == ["Gruyère melts.", "Which one melts?"]
    assert await texts(alice, "cheese bread") == ["And for bread?"]
    assert await texts(alice, "melts bread") == []
    assert sorted(await texts(alice, "cheese melts -which")) == ["Gruyère melts."]
    assert (await found(alice, "bread -switzerland"))["chats"][0]["hits"]
    assert await texts(alice, "cheese -switzerland") == []


async def test_the_signs_of_a_word_put_what_has_them_first(alice: Person) -> None:
    exact = await said(alice, "My C++ compiler")
    await said(alice, "plan c, plan C and c again: c")

    chats = (await found(alice, "c++"))["chats"]
    assert len(chats) == 2
    assert chats[0]["thread_id"] == exact


async def test_the_signs_of_a_word_come_before_a_title_without_them(alice: Person) -> None:
    plain = await said(alice, "Debug a segfault", "in C, plan C")
    await alice.http.post(f"/chat/{plain}/title/", data={"title": "Segfault in C"})
    exact = await said(alice, "My C++ compiler")
    titled = await said(alice, "Which compiler?")
    await alice.http.post(f"/chat/{titled}/title/", data={"title": "C++ and more"})

    assert [chat["thread_id"] for chat in (await found(alice, "c++"))["chats"]] == [titled, exact, plain]
    assert (await found(alice, "c"))["chats"][-1]["thread_id"] == exact


async def test_a_chat_shows_its_best_hits_and_leads_to_the_others(alice: Person) -> None:
    contents = [f"fondue {number}" for number in range(HITS + 2)]
    thread_id = await said(alice, *contents)

    [chat] = (await found(alice, "fondue"))["chats"]
    assert len(chat["hits"]) == HITS
    assert chat["more"]
    assert await texts(alice, "fondue", chat=thread_id) == contents[::-1]


async def test_a_chat_without_a_hit_is_not_found(alice: Person) -> None:
    thread_id = await said(alice, "fondue", "cheese")

    assert (await found(alice, "raclette", chat=thread_id))["chats"] == []


async def test_all_hits_of_a_chat_come_in_pages(alice: Person) -> None:
    contents = [f"fondue {number}" for number in range(HITS_OF_ONE + 3)]
    thread_id = await said(alice, *contents)

    first = await found(alice, "fondue", chat=thread_id)
    second = await found(alice, "fondue", chat=thread_id, before=first["next"])
    both = [hit["text"] for page in (first, second) for hit in page["chats"][0]["hits"]]
    assert both == contents[::-1]
    assert (first["chats"][0]["more"], second["chats"][0]["more"], second["next"]) == (True, False, "")


async def test_chats_found_by_title_come_in_pages_with_the_others(alice: Person) -> None:
    titled = [await past_thread(alice, title=f"fondue {number}") for number in range(CHATS // 2)]
    for thread_id in titled:
        await indexed(thread_id)
    others = [await said(alice, f"fondue {number}") for number in range(CHATS)]

    first = await found(alice, "fondue")
    second = await found(alice, "fondue", before=first["next"])
    listed = [chat["thread_id"] for page in (first, second) for chat in page["chats"]]
    assert set(listed[: CHATS // 2]) == set(titled)
    assert sorted(listed) == sorted(titled + others)


async def test_chats_come_in_pages_each_once(alice: Person) -> None:
    threads = [await said(alice, f"fondue {number}") for number in range(CHATS + 5)]

    first = await found(alice, "fondue")
    await said(alice, "a new fondue")
    second = await found(alice, "fondue", before=first["next"])
    listed = [chat["thread_id"] for page in (first, second) for chat in page["chats"]]
    assert sorted(listed) == sorted(threads)
    assert second["next"] == ""


async def test_an_empty_search_lists_the_recent_chats(alice: Person) -> None:
    older = await past_thread(alice, title="Older", days_ago=2)
    newer = await past_thread(alice, title="Newer")
    archived = await past_thread(alice, title="Archived")
    await ChatThread.filter(id=archived).update(archived=True)

    results = await found(alice, "  ")
    assert [chat["thread_id"] for chat in results["chats"]] == [newer, older]
    assert results["query"] == ""


async def test_archived_chats_are_found_and_said_to_be_that(alice: Person) -> None:
    thread_id = await said(alice, "Where is the archive?")
    await ChatThread.filter(id=thread_id).update(archived=True)

    [chat] = (await found(alice, "archive"))["chats"]
    assert chat["archived"]


async def test_other_versions_are_found_and_said_to_be_that(alice: Person) -> None:
    thread_id = await said(alice, "How is fondue made?", "Melt Emmental.")
    question = await ChatMessage.get(thread_id=thread_id, number=1)
    newer = await ChatMessage.create(
        thread_id=thread_id, number=3, role="assistant", parent_id=question.id, content="Melt Gruyère."
    )
    await ChatThread.filter(id=thread_id).update(head_id=newer.id)
    await index([newer.id])

    [chat] = (await found(alice, "melt"))["chats"]
    assert {hit["text"]: hit["in_another_version"] for hit in chat["hits"]} == {
        "Melt Gruyère.": False,
        "Melt Emmental.": True,
    }


async def test_a_deleted_chat_is_gone_at_once(alice: Person) -> None:
    thread_id = await said(alice, "fondue")
    assert (await alice.http.post(f"/chat/{thread_id}/delete/")).status_code == 303

    assert (await found(alice, "fondue"))["chats"] == []
    assert await matches.messages((await User.get(email=alice.email)).id, parse("fondue")) == []


@pytest.mark.parametrize(
    ("q", "says"),
    [
        ("!? …", "signs alone"),
        ("\x00", "signs alone"),
        ('"', "signs alone"),
        ("-", "signs alone"),
        ("-fondue", "words to leave out"),
        ('-"two words" -x', "words to leave out"),
        ("x" * 201, "too long"),
        ("x " * 21, "too long"),
    ],
)
async def test_what_cannot_be_searched_for_is_explained(alice: Person, q: str, says: str) -> None:
    answer = await answer_to(alice, q=q)
    page = await alice.http.get("/search/", params={"q": q})

    assert (answer.status_code, page.status_code) == (422, 422)
    assert says in answer.json()["message"]
    assert says in Page(page.text).find("p", id="search-error").text


@pytest.mark.parametrize("q", ["' OR 1=1 --", "a'b\\'c", "a:*", "!a | b", "<->", "a & !b", "a\\", "%", "*"])
async def test_no_sign_of_postgresql_s_query_language_means_anything(alice: Person, q: str) -> None:
    await said(alice, "nothing of that")

    answer = await answer_to(alice, q=q)
    assert answer.status_code in (200, 422)
    assert answer.status_code == 422 or answer.json()["chats"] == []


async def test_the_page_works_without_javascript(alice: Person) -> None:
    thread_id = await said(alice, *[f"<b>fondue</b> {number}" for number in range(HITS + 1)])
    page = Page((await alice.http.get("/search/", params={"q": "fondue"})).text)

    links = [link["href"] for link in page.all("a")]
    ids = [message.id for message in await ChatMessage.filter(thread_id=thread_id)]
    assert sum(f"/chat/{thread_id}/?at={one}#m-{one}" in links for one in ids) == HITS
    assert f"/search/?q=fondue&chat={thread_id}" in links
    assert {mark.text for mark in page.all("mark")} == {"fondue"}
    assert page.find("input", id="search-text")["value"] == "fondue"


async def test_many_long_messages_are_found_and_shown(alice: Person) -> None:
    long = "größer " * 14_000
    await said(alice, *[f"{long} fondue {number} {long}" for number in range(3)])

    assert [text.count("fondue") for text in await texts(alice, "fondue")] == [1, 1, 1]
    assert [text.count("größer") > 10 for text in await texts(alice, "grosser")] == [True] * 3


async def test_searches_are_limited_for_each_user(throttled: Site, unforgiving: None) -> None:
    async with Person.signed_up(throttled, "alice") as alice, Person.signed_up(throttled, "bob") as bob:
        statuses = [(await answer_to(alice, q="")).status_code for _ in range(SEARCH.count + 1)]
        assert statuses == [200] * SEARCH.count + [429]
        refused = await answer_to(alice, q="fondue")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert (await answer_to(bob, q="fondue")).status_code == 200


async def test_a_search_that_finds_nothing_says_so(alice: Person) -> None:
    page = await alice.http.get("/search/", params={"q": "raclette"})

    assert page.status_code == 200
    assert "contain all of these words" in page.text
