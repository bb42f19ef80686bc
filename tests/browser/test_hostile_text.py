"""Text of users and of the model is untrusted: nothing in it runs and nothing is loaded.

The watch of `desk` fails these tests when a dialog opens, a page asks another site for anything, or a policy is broken.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import expect

from chat.models import ChatThread
from tests.support.cast import Person
from tests.support.desk import HARMLESS_IN_HOSTILE_HTML, Desk
from tests.support.rows import answered, past_thread

HOSTILE = """\
<img src=x onerror=alert(1)><script>alert(2)</script>

[a link](javascript:alert(3)) and [another](data:text/html,<script>alert(4)</script>) and a [good one](https://good.example/x)

<svg onload=alert(5)><a xlink:href="javascript:alert(6)"><rect width=9 height=9 /></a></svg>

<iframe src="https://evil.example/frame"></iframe><form action="https://evil.example"><button>Go</button></form>

![a tracker](https://evil.example/pixel.png?secret=1)

<a href="/accounts/logout/" id="chat" name="send" style="position:fixed;inset:0" onclick="alert(7)">cover</a>

<style>body { background: url(https://evil.example/style) }</style><base href="https://evil.example/">

| <img src="https://evil.example/cell.png"> | `<b onmouseover=alert(8)>` |
|---|---|
| <math><mi xlink:href="javascript:alert(9)">m</mi></math> | <input type=image src="https://evil.example/i.png"> |
"""
FORBIDDEN = "img, script, svg, iframe, form, style, base, math, object, embed, link, [style], [onclick], [onerror]"
RUNNING = f"say {HOSTILE}"


async def test_what_the_model_writes_is_shown_and_does_nothing(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice), allowed=(HARMLESS_IN_HOSTILE_HTML,))
    await chat.say(RUNNING)
    await chat.is_over(answers=2)

    content = chat.answer.locator(".markdown-content")
    for _ in ("live", "after a reload"):
        await expect(content.locator(FORBIDDEN)).to_have_count(0)
        await expect(content.locator('[href^="javascript:"], [href^="data:"], #chat, [name="send"]')).to_have_count(0)
        chip = content.locator(".image-chip").filter(has_text="a tracker")
        await expect(chip).to_have_text("a tracker (evil.example)")
        await expect(chip).to_have_attribute("title", "Image from evil.example, not loaded")
        link = content.get_by_role("link", name="good one (good.example)")
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        await content.hover()
        await chat.page.reload()
        await chat.is_connected()
    await expect(chat.page.locator("#chat")).to_have_count(1)


LINKS = """\
[one](https://bank.example:pw@evil.example/a) https://bank.example@evil.example/b

[root@bank.example](mailto:eve@evil.example)

[root@bank.example](mailto:root@bank.example?bcc=eve@evil.example) [https://bank.example](/accounts/delete/)
[mine](/usage/)

[\u202ebank](https://evil.example/c) [bank.example/d](https://b\u0430nk.example/d) [evil.example/e](https://evil.example/e)
"""


async def test_a_link_says_where_it_leads(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await answered(alice, "Where?", LINKS))
    links = chat.answer.locator(".markdown-content a")

    await expect(links).to_contain_text(
        [
            "one (evil.example)",
            "(evil.example)",
            "(eve@evil.example)",
            "root@bank.example (root@bank.example, bcc=eve@evil.example)",
            f"https://bank.example ({urlsplit(desk.site.url).netloc})",
            "mine",
            "(evil.example)",
            "(xn--bnk-6cd.example)",
            "evil.example/e",
        ]
    )
    await expect(links.filter(has_text="mine")).to_have_text("mine")
    await expect(links.last).to_have_text("evil.example/e")
    for number, path in enumerate("ab"):
        await expect(links.nth(number)).to_have_attribute("href", f"https://evil.example/{path}")


async def test_what_a_person_writes_stays_exactly_that(desk: Desk, alice: Person) -> None:
    thread_id = await answered(alice, HOSTILE, "Well.")
    await ChatThread.filter(id=thread_id).update(title="<img src=x onerror=alert(1)>")
    chat = await desk.chat(alice, thread_id)
    await chat.say(HOSTILE)
    await chat.is_over(answers=2)

    for number in range(2):
        content = chat.questions.nth(number).locator(".markdown-content")
        assert await content.text_content() == HOSTILE
        await expect(content.locator("*")).to_have_count(0)
    await expect(chat.threads.first.locator(".thread-title")).to_have_text("<img src=x onerror=alert(1)>")
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("<img src=x onerror=alert(1)>")


HUGE = {
    "a macro": r"\def\a{" + "x" * 400 + "}" + r"\a" * 400,
    "a macro by another name": r"\newcommand{\a}{" + "x" * 400 + "}" + r"\a" * 400,
    "fractions": r"\frac{x}{" * 300 + "x" + "}" * 300,
    "indices": "x_{" * 900 + "x" + "}" * 900,
    "sizes": r"\Huge " * 600 + "x",
    "cells": r"\begin{matrix}" + "&" * 3_900 + r"\end{matrix}",
    "accents": "x=" + "é" * 3_900,
    "boxes in boxes": (r"\boxed{" * 12 + "x" + "}" * 12) * 40,
}
LARGE = [
    r"\cfrac{1}{1+" * 12 + "x" + "}" * 12,
    r"\begin{pmatrix}" + ("a_{11}&" * 19 + r"x\\") * 20 + r"\end{pmatrix}",
    r"\begin{gather}" + r"\frac{a_i}{b^2} = \sum_{k=1}^{n} \left( a_k + \sqrt{c_k} \right) \\" * 40 + r"\end{gather}",
]


async def test_a_formula_that_would_freeze_or_crash_the_tab_is_its_source(desk: Desk, alice: Person) -> None:
    formulas = [*HUGE.values(), *LARGE]
    text = "".join(f"$$\n{formula}\n$$\n\n" for formula in formulas)
    chat = await desk.chat(alice, await answered(alice, "Prove it.", text))
    content = chat.answer.locator(".markdown-content")

    await expect(content.locator(".katex")).to_have_count(len(LARGE))
    sources = content.locator("code.refused-math-display")
    await expect(sources).to_have_count(len(HUGE))
    assert [source.strip("$\n") for source in await sources.all_text_contents()] == list(HUGE.values())
    await chat.say("say hello")
    await chat.is_over(answers=2)


SLOW = {"csharp": "a def a<a>\n" * 2_700, "kotlin": '"${' * 600, "markdown": "[a](" * 7_400, "json": "[" * 29_000}


async def test_code_that_takes_too_long_to_color_stays_plain(desk: Desk, alice: Person) -> None:
    """Minutes for C# and Markdown; hundreds of elements in each other, which can end the page; 29,000 in a row."""
    blocks = "".join(f"```{language}\n{code.strip()}\n```\n\n" for language, code in SLOW.items())
    chat = await desk.chat(alice, await answered(alice, "Show me.", f"{blocks}```python\nimport this\n```"))
    codes = chat.answer.locator("pre code")

    await expect(codes.last.locator(".hljs-keyword")).to_have_text("import")
    for index, code in enumerate(SLOW.values()):
        await expect(codes.nth(index).locator("[class^='hljs-']")).to_have_count(0)
        assert await codes.nth(index).text_content() == f"{code.strip()}\n"
    await chat.say("say hello")
    await chat.is_over(answers=2)
