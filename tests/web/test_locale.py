"""Both languages are complete: every message in templates, Python and JS has its English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from matching.events import RejectReason
from web import reasons

WEB = Path(__file__).parent.parent.parent / "web"
CATALOGUES = WEB / "locale" / "en" / "LC_MESSAGES"
_TEMPLATE = re.compile(r"{%\s*translate\s+(?:\"([^\"]+)\"|'([^']+)')")
_SCRIPT = re.compile(r"gettext\(\"([^\"]+)\"\)")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def messages(domain: str) -> dict[str, str]:
    with (CATALOGUES / f"{domain}.po").open("rb") as source:
        catalogue = read_po(source, locale="en")
    assert not [m.id for m in catalogue if m.fuzzy and m.id], "no guessed translations"
    return {
        m.id if isinstance(m.id, str) else m.id[0]: (
            m.string if isinstance(m.string, str) else m.string[0]
        )
        for m in catalogue
        if m.id
    }


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_the_catalogue_is_complete_and_compiled(domain: str) -> None:
    found = messages(domain)
    assert [text for text, english in found.items() if not english] == []
    assert [text for text, english in found.items() if _CHINESE.search(english)] == []
    with (CATALOGUES / f"{domain}.mo").open("rb") as source:
        compiled = {
            m.id if isinstance(m.id, str) else m.id[0]: (
                m.string if isinstance(m.string, str) else m.string[0]
            )
            for m in read_mo(source)
            if m.id
        }
    assert compiled == found, "run `make messages`"


def test_every_template_speaks_through_the_catalogue() -> None:
    known = messages("django")
    missing, bare = [], []
    for path in sorted((WEB / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        for one in _TEMPLATE.finditer(text):
            words = one.group(1) or one.group(2)
            if words not in known:
                missing.append((path.name, words))
        if path.name == "500.html":
            continue  # rendered when nothing works: both languages stand in it
        text = re.sub(r"{% blocktranslate.*?endblocktranslate %}", "", text, flags=re.DOTALL)
        rest = re.sub(r"{%.*?%}|{#.*?#}", "", text, flags=re.DOTALL).replace("中文", "")
        bare += [(path.name, found) for found in _CHINESE.findall(rest)]
    assert (missing, bare) == ([], [])


def test_every_script_speaks_through_the_catalogue() -> None:
    known = messages("djangojs")
    missing = [
        (path.name, words)
        for path in sorted((WEB / "static" / "js").rglob("*.js"))
        for words in _SCRIPT.findall(path.read_text(encoding="utf-8"))
        if words not in known
    ]
    assert missing == []


@pytest.mark.parametrize("code", sorted({*reasons.SENTENCES, *RejectReason}))
def test_every_code_has_words_in_both_languages(code: str) -> None:
    zh, en = reasons.both(code)
    assert _CHINESE.search(zh), code
    assert not _CHINESE.search(en), code
    assert en
