"""What a model can do, as shown in the list to choose from."""

from __future__ import annotations

from chat.llm.catalogue import ModelSpec

THOUSAND, THOUSAND_24 = 1000, 1024


def abilities(model: ModelSpec) -> str:
    """ "Tools, images, reasoning · 128k context"; what is unknown is left out."""
    can = {"tools": model.tools, "images": model.vision, "reasoning": model.reasons}
    words = ", ".join(name for name, known in can.items() if known)
    size = f"{short_count(model.context)} context" if model.context else ""
    return " · ".join(part for part in (words.capitalize(), size) if part)


def short_count(count: int) -> str:
    """ "128k" for both 128,000 and 131,072, "1M", or the number itself under a thousand."""
    if count < THOUSAND:
        return str(count)
    unit = THOUSAND_24 if count % THOUSAND and not count % THOUSAND_24 else THOUSAND
    thousands = count // unit
    return f"{thousands}k" if thousands < THOUSAND else f"{thousands / unit:.2g}M"
