"""What an answer looks like on the served page, under its policy, and what is copied from it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import answered, past_thread
from tests.support.waiting import eventually

CASES = json.loads((Path(__file__).parents[1] / "static" / "markdown" / "cases.json").read_text())
FORMULAS = r"So \(x^2\) and $a_1 * b_1$, for $5 or $10:" + "\n\n\\[\n\\frac{a}{b}\n\\]\n\nNot one: $\\nosuch{$"
RIGHT_TO_LEFT = (
    "مرحبا، استخدم `print()` ثم اضغط Enter.\n\n- أولاً\n\n- `x` ثانياً\n\nEnglish.\n\n| أ | b |\n|---|---|\n| ج | 1 |"
)
COPIED = (
    "Read [the guide](https://docs.example/guide).\n\n```bash\necho hi\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\nThen \\(x^2\\)."
)

SELECTED = "Read the guide.\necho hi\na\tb\n1\t2\nThen\n\\[ x^2 \\]"


async def shown(desk: Desk, person: Person, answer: str) -> ChatPage:
    return await desk.chat(person, await answered(person, "?", answer))


async def test_every_case_is_shown_with_every_word(desk: Desk, alice: Person) -> None:
    """No case hides, links, strikes or enlarges what was not meant; the exact HTML is tested without a browser."""
    chat = await shown(desk, alice, "\n\n".join(case["text"] for case in CASES if case["id"] != "comment-open"))
    content = chat.answer.locator(".markdown-content")

    await expect(content.locator("del, h1, h2, h3, ul ul, [hidden]")).to_have_count(0)
    await expect(content.get_by_role("link")).to_have_count(4)
    for words in ("10~20分钟", "<h1> is the largest", "<!-- a comment -->", "<?php", "[备注]: 请先", "[^2]: Smith"):
        await expect(content).to_contain_text(words)


@pytest.mark.parametrize("text", [">" * 5_000, "- " * 4_000 + "x"], ids=["quotes", "lists"])
async def test_no_answer_can_break_its_thread(desk: Desk, alice: Person, text: str) -> None:
    chat = await shown(desk, alice, text)
    await expect(chat.answer.locator(".markdown-content")).to_have_text(text.strip())
    await chat.say("say hello")

    await chat.is_over(answers=2)
    assert await chat.text() == "hello"


async def test_formulas_are_set_and_what_is_none_stays(desk: Desk, alice: Person) -> None:
    chat = await shown(desk, alice, FORMULAS)
    content = chat.answer.locator(".markdown-content")

    await expect(content.locator(".katex")).to_have_count(3)
    await expect(content.locator(".math-display .mfrac")).to_be_visible()
    await expect(content).to_contain_text("for $5 or $10:")
    await expect(content).to_contain_text(r"Not one: $\nosuch{$")
    loaded = "[...document.fonts].some(({ family, status }) => family === 'KaTeX_Main' && status === 'loaded')"
    await eventually(lambda: chat.page.evaluate(loaded))


async def test_formulas_appear_while_the_answer_is_written(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say(f"say {FORMULAS}")
    await chat.is_over(answers=2)

    await expect(chat.answer.locator(".katex")).to_have_count(3)


async def test_many_formulas_leave_the_page_time_between_them(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice)
    await context.add_init_script(
        "globalThis.counts = new Set();"
        "const observer = new MutationObserver(() => counts.add(document.querySelectorAll('.katex').length));"
        "observer.observe(document, { childList: true, subtree: true });"
    )
    text = " ".join(f"$a_{{{number}}}$" for number in range(500))
    chat = await ChatPage.opened(await context.new_page(), await answered(alice, "?", text))

    await expect(chat.answer.locator(".katex")).to_have_count(500)
    assert len(await chat.page.evaluate("[...counts]")) > 5
    assert await chat.distance_to_end() <= 1


async def test_a_formula_that_katex_refuses_is_its_source(desk: Desk, alice: Person) -> None:
    chat = await shown(desk, alice, "One \\(x^2\\), two \\(\\nosuch{x}\\), three \\(\\href{javascript:alert(1)}{x}\\).")
    content = chat.answer.locator(".markdown-content")

    await expect(content.locator(".katex").first).to_be_visible()
    await expect(content.locator("code")).to_have_text([r"\(\nosuch{x}\)", r"\(\href{javascript:alert(1)}{x}\)"])
    await expect(content.locator("a")).to_have_count(0)


async def test_a_column_of_a_table_has_one_edge(desk: Desk, alice: Person) -> None:
    text = "| שם | מספר |\n|--|--:|\n| 1 | 2 |\n| word | שתיים |"
    content = (await shown(desk, alice, f"{text}\n\nEnglish.\n\n| A | B |\n|--|--:|\n| שלום | שתיים |")).answer
    edges = "(nodes) => nodes.map((node) => getComputedStyle(node).textAlign)"

    assert await content.locator("table").first.locator("th, td").evaluate_all(edges) == ["right", "left"] * 3
    assert await content.locator("table").last.locator("th, td").evaluate_all(edges) == ["left", "right"] * 2


async def test_what_belongs_to_a_task_is_below_its_words(desk: Desk, alice: Person) -> None:
    content = (await shown(desk, alice, "- [ ] todo\n  - nested\n- plain\n  - nested too")).answer
    todo, nested, plain, too = await content.locator("li").evaluate_all(
        "(items) => items.map((item) => item.getBoundingClientRect().left)"
    )
    assert (todo, nested) == (plain, too)
    assert nested > todo


async def test_each_block_has_its_own_direction(desk: Desk, alice: Person) -> None:
    content = (await shown(desk, alice, RIGHT_TO_LEFT)).answer.locator(".markdown-content")
    directions = "(nodes) => nodes.map((node) => getComputedStyle(node).direction)"

    assert await content.locator(".blocks > p").evaluate_all(directions) == ["rtl", "ltr"]
    assert await content.locator("ul, li, table").evaluate_all(directions) == ["rtl"] * 4
    assert await content.locator("code").evaluate_all(directions) == ["ltr"] * 2


async def test_links_lead_through_the_site_in_the_same_tab_and_elsewhere_in_another(desk: Desk, alice: Person) -> None:
    other = await answered(alice, "Pasta?", "Boil it.")
    text = f"[Pasta](/chat/{other}/), [elsewhere](https://good.example/x), [hosts](/etc/hosts), [x](//evil.example)"
    chat = await shown(desk, alice, text)
    content = chat.answer.locator(".markdown-content")

    await expect(content.get_by_role("link")).to_have_text(["Pasta", "elsewhere (good.example)"])
    await expect(content.get_by_role("link", name="elsewhere")).to_have_attribute("target", "_blank")
    await content.get_by_role("link", name="Pasta").click()
    await expect(chat.page).to_have_url(f"{desk.site.url}/chat/{other}/")


async def test_a_selection_copies_the_text_alone(desk: Desk, alice: Person) -> None:
    chat = await shown(desk, alice, COPIED)
    page = chat.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(chat.answer.locator(".katex")).to_have_count(1)
    await expect(chat.answer.locator(".hljs-built_in")).to_have_count(1)
    await chat.answer.locator(".markdown-content").evaluate("(node) => getSelection().selectAllChildren(node)")
    await page.keyboard.press("ControlOrMeta+C")

    text = await page.evaluate("navigator.clipboard.readText()")
    assert text.replace("\n\n", "\n").strip() == "Read the guide.\necho hi\na\tb\n1\t2\nThen \\(x^2\\)."
    html = await page.evaluate(
        'navigator.clipboard.read().then(([item]) => item.getType("text/html")).then((blob) => blob.text())'
    )
    assert "<table" in html and "<td" in html
    assert "Copy" not in html and "docs.example)" not in html


SELECT = {
    "whole page": "document.activeElement.blur() || getSelection().selectAllChildren(document.body)",
    "answer": "getSelection().selectAllChildren(document.querySelector('article:last-child'))",
    "table": "getSelection().selectAllChildren(document.querySelector('table'))",
    "code": "getSelection().selectAllChildren(document.querySelector('pre code'))",
    "formula": "getSelection().selectAllChildren(document.querySelector('.katex-html'))",
    "bubble": "getSelection().selectAllChildren(document.querySelector('article .markdown-content'))",
}
ALONE = {
    "whole page": f"You\n?\nAssistant\n{SELECTED}",
    "answer": f"Assistant\n{SELECTED}",
    "table": "a\tb\n1\t2",
    "code": "echo hi",
    "formula": "\\[ x^2 \\]",
    "bubble": "?",
}


@pytest.mark.parametrize("part", SELECT)
async def test_a_selection_of_any_part_copies_what_was_written(desk: Desk, alice: Person, part: str) -> None:
    chat = await shown(desk, alice, COPIED.replace("\\(x^2\\).", "\n\n\\[\nx^2\n\\]"))
    page = chat.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(chat.answer.locator(".katex")).to_have_count(1)
    await page.evaluate(SELECT[part])
    await page.keyboard.press("ControlOrMeta+C")

    text = await page.evaluate("navigator.clipboard.readText()")
    assert "\n".join(line.strip() for line in text.split("\n") if line.strip()) == ALONE[part]
    html = await page.evaluate(
        'navigator.clipboard.read().then(([item]) => item.getType("text/html")).then((blob) => blob.text())'
    )
    assert not re.search(r"style=|Copy|docs\.example\)|katex|Sending", html)
    assert ("<table" in html) == (part in {"whole page", "answer", "table"})
    assert ("<pre" in html) == (part in {"whole page", "answer", "code"})


async def test_the_button_copies_markdown(desk: Desk, alice: Person) -> None:
    chat = await shown(desk, alice, COPIED)
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await chat.answer.get_by_role("button", name="Copy answer").click()

    await chat.hears("Answer copied")
    await expect(chat.answer.locator('[data-action="copy"]')).to_have_text("Copied")
    assert await chat.page.evaluate("navigator.clipboard.readText()") == COPIED
    await expect(chat.answer.locator('[data-action="copy"]')).to_have_text("Copy")


@pytest.mark.parametrize("name", ["Copy answer", "Copy bash code"])
async def test_on_plain_http_the_button_copies_in_the_old_way(desk: Desk, alice: Person, name: str) -> None:
    chat = await shown(desk, alice, COPIED)
    await chat.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await chat.answer.get_by_role("button", name=name).click()
    await expect(chat.answer.get_by_role("button", name=name)).to_have_text("Copied")
    await chat.field.focus()
    await chat.page.keyboard.press("ControlOrMeta+V")

    await expect(chat.field).to_have_value(COPIED if name == "Copy answer" else "echo hi")


@pytest.mark.parametrize(("name", "content"), [("Copy answer", ".markdown-content"), ("Copy bash code", "pre")])
async def test_what_cannot_be_copied_is_selected_and_the_button_says_so(
    desk: Desk, alice: Person, name: str, content: str
) -> None:
    chat = await shown(desk, alice, COPIED)
    await chat.page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined }); document.execCommand = () => false"
    )
    await chat.answer.get_by_role("button", name=name).click()

    await expect(chat.answer.get_by_role("button", name=name)).to_have_text("Press Ctrl+C")
    await chat.hears("Selected. Press Ctrl+C to copy.")
    selected = await chat.page.evaluate(
        f"getSelection().containsNode(document.querySelector('article:last-child {content}'), true)"
    )
    assert selected


async def test_long_code_copies_without_blank_lines(desk: Desk, alice: Person) -> None:
    code = "\n".join(f"line {number}" for number in range(200))
    chat = await shown(desk, alice, f"```\n{code}\n```")
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(chat.answer.locator(".code-lines")).to_have_count(4)
    await chat.answer.locator("pre").evaluate("(node) => getSelection().selectAllChildren(node)")
    await chat.page.keyboard.press("ControlOrMeta+C")

    assert (await chat.page.evaluate("navigator.clipboard.readText()")).strip() == code


async def test_a_selection_in_a_finished_block_survives_the_rest_of_the_answer(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    text = "\n\n".join(["First words.", "Second.", "Third.", "Fourth.", "And more words. " * 40])
    await chat.say(f"say {text} [offline: pace=8]")
    first = chat.answer.locator(".blocks > p").first
    await expect(chat.answer.locator(".blocks > p").nth(3)).to_be_visible()
    await first.evaluate("(node) => getSelection().selectAllChildren(node)")
    await chat.is_over(answers=2)

    assert await chat.page.evaluate("getSelection().toString()") == "First words."


async def test_a_long_thread_is_rendered_from_its_end(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=50))
    rendered = chat.page.locator('article[data-role="assistant"] .is-rendered')

    await expect(rendered).to_have_count(25)
    assert await chat.distance_to_end() <= 1


async def test_a_long_answer_is_rendered_from_its_end_and_completely(desk: Desk, alice: Person) -> None:
    text = "\n\n".join(f"# Part {number}\n\n" + "many words " * 20 for number in range(300))
    chat = await shown(desk, alice, text)
    content = chat.answer.locator(".markdown-content")

    await expect(chat.answer.get_by_role("heading", name="Part 299")).to_be_in_viewport()
    await expect(content.locator("h1")).to_have_text([f"Part {number}" for number in range(300)])
    assert await chat.distance_to_end() <= 1


async def test_formulas_stay_their_source_without_katex(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, allowed=("Failed to load resource",))
    await context.route("**/dist/math.css*", lambda route: route.abort())
    chat = await ChatPage.opened(await context.new_page(), await answered(alice, "?", FORMULAS))

    await expect(chat.answer.locator("code.math-inline").first).to_have_text("\\(x^2\\)")
    await chat.say("say hello")
    await chat.is_over(answers=2)
