"""The login cookie of a signed-in user, and the CSRF tokens of forms."""

from typing import Any, NamedTuple

from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "jmmc_session"
LOGIN_HOURS = 12
"""How long a login cookie and a CSRF token are valid."""

ANONYMOUS = "\n"
"""The name in the CSRF token of the sign-in form; no user can have it."""


class Login(NamedTuple):
    """The content of a login cookie: a user and the stamp of the password at that time."""

    name: str
    stamp: str


class LoginSigner:
    """Signs and verifies login cookies and CSRF tokens; `secret` is the collector's."""

    def __init__(self, secret: str) -> None:
        self._cookies = URLSafeTimedSerializer(secret, salt="jmmc sign-in")
        self._forms = URLSafeTimedSerializer(secret, salt="jmmc form")

    def cookie(self, login: Login) -> str:
        """Sign the value of a login cookie."""
        return str(self._cookies.dumps(login))

    def read(self, cookie: str | None) -> Login | None:
        """Read a login cookie; None if it is missing, forged or expired."""
        match _read(self._cookies, cookie):
            case [str(name), str(stamp)]:
                return Login(name, stamp)
        return None

    def csrf_token(self, name: str) -> str:
        """Make a CSRF token for the forms of a user; "" is a local caller without login."""
        return str(self._forms.dumps(name))

    def is_csrf_token_of(self, name: str, token: str | None) -> bool:
        """Whether a CSRF token was made for this user and is still valid."""
        return bool(_read(self._forms, token) == name)


def _read(serializer: URLSafeTimedSerializer, value: str | None) -> Any:
    try:
        return serializer.loads(value or "", max_age=LOGIN_HOURS * 3600)
    except BadSignature:
        return None
