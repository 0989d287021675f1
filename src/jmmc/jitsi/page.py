"""Find our script in the text of a Jitsi Meet page and of its config.js.

No script is run. What cannot be read from a plain list is marked as a guess.
"""

import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlsplit

_STRING = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`"
_STRING_OR_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)


class Html(NamedTuple):
    """The scripts and policies of a page.

    `scripts`: the `src` of each script element, as written. `inline`: the text of the others,
    joined. `policies`: of `<meta http-equiv="Content-Security-Policy">`.
    """

    scripts: list[str]
    inline: str
    policies: list[str]


class Config(NamedTuple):
    """What a config.js sets, as far as its text shows.

    `scripts`: URLs of analytics scripts. `plainly` is False when our script was found outside of a
    plain list. A flag is None when it is not set.
    """

    scripts: list[str]
    plainly: bool
    analytics_disabled: bool | None
    no_third_parties: bool | None


def read_html(text: str) -> Html:
    """Read a page. Never fails, whatever the text is."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    return Html(parser.scripts, "\n".join(parser.inline), parser.policies)


def read_config(text: str) -> Config:
    """Search the text of config.js, without its comments."""
    code = _STRING_OR_COMMENT.sub(lambda match: match.group(1) or " ", text)
    scripts: list[str] = []
    for match in re.finditer(r"scriptURLs['\"]?\s*[:=]\s*\[([^\]]*)\]", code):
        scripts = _strings(match.group(1))
    for match in re.finditer(r"scriptURLs\b[^;]*?\.(?:concat|push)\(([^)]*)\)", code):
        scripts += _strings(match.group(1))
    guessed: list[str] = []
    if not any(map(is_ours, scripts)):
        guessed = [string for string in _strings(code) if is_ours(string)]
    disabled = _last_flag(r"\banalytics['\"]?\]?\.disabled\s*=", code)
    if disabled is None:
        disabled = _last_flag(r"\bdisabled['\"]?\s*:", _block(code, "analytics"))
    no_third_parties = _last_flag(r"\bdisableThirdPartyRequests['\"]?\s*[:=]", code)
    return Config([*scripts, *guessed], not guessed, disabled, no_third_parties)


def is_ours(url: str) -> bool:
    """Whether a URL looks like one of our script."""
    return urlsplit(url).path.endswith("/getClient")


def _strings(code: str) -> list[str]:
    return [match[1:-1].replace("\\/", "/") for match in re.findall(_STRING, code)]


def _last_flag(assignment: str, code: str) -> bool | None:
    """The value that is assigned last, as when the script runs from top to bottom."""
    values = re.findall(assignment + r"\s*(true|false)\b", code)
    return values[-1] == "true" if values else None


def _block(code: str, name: str) -> str:
    """The text of the object that is assigned to `name`, without the objects nested in it."""
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
        attributes = dict(attrs)
        if tag == "script":
            if attributes.get("src"):
                self.scripts.append(attributes["src"] or "")
            else:
                self._inside = True
        elif (
            tag == "meta"
            and (attributes.get("http-equiv") or "").lower() == "content-security-policy"
        ):
            self.policies.append(attributes.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inline.append(data)
