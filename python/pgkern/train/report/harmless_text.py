"""Text from outside as HTML that shows it and does nothing else: a rollout is whatever a model comes to write."""

from __future__ import annotations

from html import escape

LONGEST = 20_000  # characters of a text that go into the page at all

_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}  # ␀ and so on
# C1 controls, and those that turn the direction of what follows: named, as they would act on the page around them.
_NAMED = {
    code: f"⟨U+{code:04X}⟩"
    for code in (*range(0x80, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_VISIBLE: dict[int, int | str] = {**_PICTURES, **_NAMED}


def harmless(value: object, limit: int | None = LONGEST) -> str:
    """The value's text, safe in HTML content and in quoted attributes, with control characters made visible.

    Of a text longer than ``limit`` the middle is left out: how it begins and how it ends both matter.
    """
    text = str(value)
    if limit is not None and len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half:,} characters are left out here …\n{text[-half:]}"
    return escape(text.translate(_VISIBLE))
