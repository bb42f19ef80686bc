"""The offline model's longer texts, in rich markdown, so that a page has something to show."""

from __future__ import annotations

HONEST = "I am the **offline model**: this answer is written by rules."

GREETING = f"""Hello! :wave: {HONEST}

Ask me for a *table*, some *code*, something *long*, to *count to 20*, or ask me to *say something*.

$tools$seen"""

QUESTIONS = (
    ("get_secret_number", "What is the secret number?"),
    ("current_time", "What time is it in Asia/Tokyo?"),
    ("calculate", "Calculate 2^10 + 1"),
    ("search_my_threads", "Search my threads for pasta"),
)

MEANWHILE = """While my tools are at work, I keep writing: an answer may have text *and* calls, and the calls are
complete long before the text is. This is such a text, and it says nothing else."""

REFUSAL = "I'm sorry, but I cannot assist with that request."
NOT_JSON = "Of course! Here is what you asked for, in words and not in JSON."

TABLE = """| Planet | Moons | Day in hours |
|:--|--:|--:|
| Earth | 1 | 24 |
| Mars | 2 | 24.6 |
| Jupiter | 97 | 9.9 |
"""

CODE = '''```python
from collections.abc import Iterator


def fibonacci() -> Iterator[int]:
    """Fibonacci numbers, without end."""
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b
```

```bash
curl --fail https://chat.example.com/healthz && echo "it runs"
```

```json
{"model": "offline", "honest": true, "tools": ["get_secret_number", "current_time"]}
```
'''

DEFAULT = f"""## What you asked :sparkles:

$quote

{HONEST} It is here to show what an answer can look like.

### What rules can do

- **bold**, *italic* and ~~struck~~ words
- a [link](https://developer.mozilla.org/) and `inline code`
- lists with
  1. first things
  2. second things

{TABLE}
{CODE}
> A quotation, as there are in books.

---

$seen With the key of a provider, a real model answers. :tada:"""

PARAGRAPH = """## Part $number

This is part $number of an answer that takes a while, so that scrolling, catching up after a reload and stopping
can be tried in peace. It has **bold** and *italic* words, and a sentence that is a little longer than the others,
because real answers have those too.
"""

SURROGATES = ("An emoji in halves: ", "\ud83d", "\ude00", ", and half of one: ", "\ud83d", " - the end", ".")
HALF_EMOJI = "Half of one: \ud83d"
NUL = ("Before the NUL", "\x00", "and after", ".")
