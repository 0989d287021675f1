"""What the text of a Jitsi Meet page and of its config.js says about our script.

No script is run. What is not said plainly is a guess, and called one.
"""

import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlsplit

_STRING = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`"
_STRING_OR_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)


class Html(NamedTuple):
    """`scripts`: the `src` of each, as written. `inline`: the text of the others, joined.
    `policies`: what `<meta http-equiv="Content-Security-Policy">` says."""

    scripts: list[str]
    inline: str
    policies: list[str]


class Config(NamedTuple):
    """What a config.js seems to say.

    `scripts`: URLs of analytics scripts. `plainly` is False when one was found outside of a plain
    list. None: not said.
    """

    scripts: list[str]
    plainly: bool
    analytics_disabled: bool | None
    no_third_parties: bool | None


def read_html(text: str) -> Html:
    """Take a page apart; never fails, whatever it is."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    return Html(parser.scripts, "\n".join(parser.inline), parser.policies)


def read_config(text: str) -> Config:
    """Search the text of config.js, its comments left out."""
    code = _STRING_OR_COMMENT.sub(lambda value: value.group(1) or " ", text)
    scripts: list[str] = []
    for found in re.finditer(r"scriptURLs['\"]?\s*[:=]\s*\[([^\]]*)\]", code):
        scripts = _strings(found.group(1))
    for found in re.finditer(r"scriptURLs\b[^;]*?\.(?:concat|push)\(([^)]*)\)", code):
        scripts += _strings(found.group(1))
    elsewhere: list[str] = []
    if not any(map(is_ours, scripts)):
        elsewhere = [string for string in _strings(code) if is_ours(string)]
    disabled = _last_flag(r"\banalytics['\"]?\]?\.disabled\s*=", code)
    if disabled is None:
        disabled = _last_flag(r"\bdisabled['\"]?\s*:", _block(code, "analytics"))
    third = _last_flag(r"\bdisableThirdPartyRequests['\"]?\s*[:=]", code)
    return Config([*scripts, *elsewhere], not elsewhere, disabled, third)


def is_ours(url: str) -> bool:
    """Whether a URL looks like that of our script."""
    return urlsplit(url).path.endswith("/getClient")


def _strings(code: str) -> list[str]:
    return [match[1:-1].replace("\\/", "/") for match in re.findall(_STRING, code)]


def _last_flag(assignment: str, code: str) -> bool | None:
    """The last that is assigned counts, as when the script runs from top to bottom."""
    found = re.findall(assignment + r"\s*(true|false)\b", code)
    return found[-1] == "true" if found else None


def _block(code: str, name: str) -> str:
    """The text of the object that is assigned to `name`, without the objects inside of it."""
    start = re.search(rf"\b{name}['\"]?\s*[:=]\s*\{{", code)
    if start is None:
        return ""
    depth, own = 1, []
    for character in code[start.end() :]:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            break
        own.append(character if depth == 1 else " ")
    return "".join(own)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.inline: list[str] = []
        self.policies: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            if given.get("src"):
                self.scripts.append(given["src"] or "")
            else:
                self._inside = True
        elif tag == "meta" and (given.get("http-equiv") or "").lower() == "content-security-policy":
            self.policies.append(given.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inline.append(data)
