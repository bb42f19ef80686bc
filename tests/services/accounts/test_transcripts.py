"""Transcripts can be opened by any program: no image, no HTML, no odd link, and code as it was written."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from random import Random

import pytest

from chat.checkout import ROOT
from chat.services.accounts.transcripts import block, inert

ACTIVE = re.compile(
    r"<(?:img|script|iframe|svg|style|object|embed|video|b|x)\b|<a href=\"(?!https?://|mailto:|#)", re.IGNORECASE
)
PIECES = [
    "![x](http://evil.example/p.png)", "![x][r]", "\n\n[r]: http://evil.example/p.png\n\n", "![[http://evil.example]]",
    "<img src=x>", "<script>", "</b>", "<!--", "-->", "<?x", "<b", "`", "``", "```", "````", "~~~", "~~~~", "\\", "\\`",
    "$", "$$", "\\[", "\\]", "\\(", "\\)", "\\begin{a}", "\\end{a}", "%%", "\n", "\n\n", " ", "    ", "\t", "> ", "- ",
    "1. ", "|", "\n|-|\n", "| a |", "[", "]", "(", ")", "!", "<", ">", "*", "_", "a", "js", "#", "&lt;", "&", "\r",
    "\r\n", "\x1b[2J", "\u2028", "[x](javascript:1)", "[x][s]", "\n\n[s]: javascript:1\n\n", "](", "]:", "JaVaScRiPt:1",
    "java&#115;cript:1", "file:///etc", "data:x,y", '"t"', "#a",
]  # fmt: skip
SPAN = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
# Programs that know formulas and comments look for these before they look for code.
FIRST = [
    r"\$\$[\s\S]*?\$\$", r"%%[\s\S]*?%%", r"\\\[[\s\S]*?\\\]", r"\\begin\{a\}[\s\S]*?\\end\{a\}",
    r"\$[^\s$][^$\n]*\$", r"\\\([\s\S]*?\\\)",
]  # fmt: skip


def rendered(texts: list[str]) -> list[str]:
    """The HTML that marked makes of them, by all of its rules and without any protection."""
    script = f"""
        import {{ marked }} from "{ROOT}/node_modules/marked/lib/marked.esm.js";
        let texts = "";
        for await (const piece of process.stdin) texts += piece;
        console.log(JSON.stringify(JSON.parse(texts).map((text) => marked.parse(text))));
    """
    node = ["node", "--input-type=module", "--eval", script]
    ran = subprocess.run(node, input=json.dumps(texts), stdout=subprocess.PIPE, text=True, timeout=100, check=True)
    return list(json.loads(ran.stdout))


def random_texts(seed: int, count: int) -> list[str]:
    chance = Random(seed)
    return ["".join(chance.choices(PIECES, k=chance.randint(2, 24))) for _ in range(count)]


def test_no_program_sees_an_image_or_html_in_a_transcript() -> None:
    texts = random_texts(7, 6_000)
    found = [
        (text, html) for text, html in zip(texts, rendered(list(map(inert, texts))), strict=True) if ACTIVE.search(html)
    ]

    assert found == []
    assert sum(1 for html in rendered(texts[:500]) if ACTIVE.search(html)) > 100, "the texts are harmless anyway"


@pytest.mark.parametrize("pattern", FIRST)
def test_nor_does_one_that_looks_for_formulas_or_comments_first(pattern: str) -> None:
    texts = random_texts(11, 3_000)
    seen = [re.sub(pattern, "F", inert(text)) for text in texts]

    assert [(text, html) for text, html in zip(texts, rendered(seen), strict=True) if ACTIVE.search(html)] == []


def test_nor_does_one_that_reads_the_text_of_a_link_twice() -> None:
    """As marked does, without the backslashes before brackets."""
    (html,) = rendered([inert("[[a![x](http://evil.example/p.png)](http://evil.example/p.png)")])

    assert not ACTIVE.search(html)


def test_nor_does_one_that_has_no_code_at_all() -> None:
    """Apart from code blocks and from spans that stand alone in clear text."""
    for text in random_texts(13, 3_000):
        prose = re.sub(r"(?m)^(`{3,})[^`\n]*\n[\s\S]*?^\1$", "", inert(text))
        for line in prose.split("\n"):
            if re.search(r"[|$\\%{}]", line) or re.search(r"[\[\]&^=]", SPAN.sub("", line)):
                assert not re.search(r"!\[|<[A-Za-z/!?]", line), (text, line)


@pytest.mark.parametrize(
    "text",
    [
        "# Title\n\nSome **bold**, *italic*, ~~old~~ and `code`.\n\n1. one\n2. two\n   - three\n\n> quote\n\n---",
        "| a | b |\n|---|---|\n| `x` | $y$ |",
        "```python\nif a < b and x:\n    print('<img src=x>', `![x](y)`)\n```",
        "Use `<div>` and `<img src=x>` here.",
        "a < b, a <= b, <3, x<1, 1 << 2",
        "$E=mc^2$ and\n\n$$\na < b\n$$\n\n\\[x\\] and \\(y\\)",
        "[a link](https://example.com) and https://example.com/x?a=1&b=2",
        "- [ ] task\n- [x] done :fire: 😀 e\u0301 שלום",
        "a\\_b \\* c\\\\d",
        "[a](HTTPS://a.b) [b](#b) [c](mailto:a@b.c) [d](#e)\n\n[r]: https://a.b 'title'",
        "[^1]: A footnote: with words.\n\nSee [note]: it says more.\n\nUse `[x](javascript:a)` never.",
    ],
)
def test_ordinary_markdown_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![a](http://b.c/d.png)", "!&#91;a](http://b.c/d.png)"),
        ("[![a](http://b.c/d.png)](http://e.f)", "[!&#91;a](http://b.c/d.png)](http://e.f)"),
        ("\\![a](http://b.c)", "\\!&#91;a](http://b.c)"),
        ("!![a](http://b.c)", "!!&#91;a](http://b.c)"),
        ("<b>x</b> <!-- c --> <?p ?>", "&lt;b>x&lt;/b> &lt;!-- c --> &lt;?p ?>"),
        ("\\<img src=x>", "\\&lt;img src=x>"),
        ("<https://a.b/c>", "https://a.b/c"),
        ("~~~js\nx\n~~~", "```js\nx\n```"),
        ("```\nnever closed", "```\nnever closed\n```"),
        ("````md\n```js\n<b>\n```\n````", "````md\n```js\n<b>\n```\n````"),
        ("1. a\n   ```sh\n   x\n     y\n   ```\n2. b", "1. a\n```sh\nx\n  y\n```\n2. b"),
        ("> ```\n> <b>\n>\n> x\n> ```\n> y", "```\n<b>\n\nx\n```\n> y"),
        ("- ```\n  x\n  ```", "-\n```\nx\n```"),
        ("```js onload=<b>\nx\n```", "```js\nx\n```"),
        ("`a ![x](http://b.c) b\n`", "&#96;a !&#91;x](http://b.c) b\n&#96;"),
        ("| `a|<b>` |", "| `a|&lt;b>` |"),
        ("`a|b` `<img>`", "`a|b` `&lt;img>`"),
        ("$$\n```\n$$\n<b>\n```", "&#36;&#36;\n```\n$$\n<b>\n```"),
        ("\x1b[2Ja\x00\x9b", "\ufffd[2Ja\ufffd\ufffd"),
        ("[x](javascript:alert(1))", "[x]&#40;javascript:alert(1))"),
        ("[x]( JaVaScRiPt:alert(1) 'y')", "[x]&#40; JaVaScRiPt:alert(1) 'y')"),
        ("[x](java&#115;cript:a) [x](&#x6A;avascript:a)", "[x]&#40;java&#115;cript:a) [x]&#40;&#x6A;avascript:a)"),
        ("[x](java\tscript:a) [x](<java\\script:a>)", "[x]&#40;java\tscript:a) [x]&#40;&lt;java\\script:a>)"),
        ("[x](\njavascript:a)", "[x]&#40;\njavascript:a)"),
        ("[x](data:text/html,y) [x](file:///etc)", "[x]&#40;data:text/html,y) [x]&#40;file:///etc)"),
        ("[x](/etc/passwd) [x](\\\\host\\a)", "[x]&#40;/etc/passwd) [x]&#40;\\\\host\\a)"),
        ("<javascript:alert(1)>", "&lt;javascript:alert(1)>"),
        ("[r]: javascript:a", "[r]&#58; javascript:a"),
        ("> [r]:\n> javascript:a", "> [r]&#58;\n> javascript:a"),
        ("[r]: <file:///a> 'title'", "[r]&#58; &lt;file:///a> 'title'"),
        ("[^1]: javascript:a", "[^1]&#58; javascript:a"),
        ("[x](javascript:a) `[x](javascript:a)`", "[x]&#40;javascript:a) `[x]&#40;javascript:a)`"),
    ],
)
def test_what_could_act_becomes_text(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_code_is_never_changed() -> None:
    chance = Random(17)
    codes = [
        "\n".join("".join(chance.choices(PIECES[:54], k=4)).replace("\n", "").replace("\r", "") for _ in range(3))
        for _ in range(500)
    ]
    shown = rendered([inert(block(code, "js")) for code in codes])

    for code, html in zip(codes, shown, strict=True):
        body = re.fullmatch(r'<pre><code class="language-js">([\s\S]*)\n</code></pre>\n', html)
        assert body
        assert unescape(body[1]) == code.replace("\x1b", "\ufffd"), code


@pytest.mark.parametrize(
    "unit",
    [
        "`",
        "``a",
        "` ",
        "```\n",
        "- ",
        "> ",
        "<",
        "![",
        "$$\n",
        "~~~a\n",
        "1. ",
        "\\`",
        "%%",
        "- ```\n",
        "](",
        "]:",
        "]: a",
    ],
)
def test_a_hostile_text_grows_by_a_constant_factor(unit: str) -> None:
    text = unit * (60_000 // len(unit))

    assert len(inert(text)) <= 8 * len(text) + 100
