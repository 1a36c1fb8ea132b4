"""An HTML page by itself: its style, its script, its sections. Nothing of it comes from elsewhere.

The content security policy allows only this very style and this very script, by their hashes, and no request at all;
so a text that slipped through as HTML could do nothing still. Without the script everything can be read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from string import Template

from .harmless_text import harmless


def page(title: str, sections: Sequence[tuple[str, str]]) -> str:
    """The page of sections (heading, HTML); one without content is left out, one without heading has none."""
    style, script = _read("page.css"), _read("page.js")
    body = "".join(
        (f"<h2>{harmless(heading)}</h2>" if heading else "") + content for heading, content in sections if content
    )
    return _PAGE.substitute(
        title=harmless(title), body=body, style=style, script=script, style_hash=_hash(style), script_hash=_hash(script)
    )


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src '$style_hash'; script-src '$script_hash'">
<title>$title · pgkern</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
<script>$script</script>
</body>
</html>
""")
