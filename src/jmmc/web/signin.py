"""The cookie of somebody who has signed in, and the token of a form."""

from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "jmmc_session"
HOURS = 12
"""That a sign-in lasts."""


class SignIn:
    """Signs and reads; `secret` is the collector's."""

    def __init__(self, secret: str) -> None:
        self._cookies = URLSafeTimedSerializer(secret, salt="jmmc sign-in")
        self._forms = URLSafeTimedSerializer(secret, salt="jmmc form")

    def cookie(self, name: str) -> str:
        """The cookie's value for a user."""
        return str(self._cookies.dumps(name))

    def name(self, cookie: str | None) -> str | None:
        """The user that a cookie names; None when it is forged or too old."""
        return _read(self._cookies, cookie, HOURS * 3600)

    def form(self, name: str) -> str:
        """A token for the forms of a user, "" before there is one."""
        return str(self._forms.dumps(name))

    def is_form_of(self, name: str, token: str | None) -> bool:
        """Whether a form was made for that user, in the last hours."""
        return _read(self._forms, token, HOURS * 3600) == name


def _read(serializer: URLSafeTimedSerializer, value: str | None, seconds: int) -> str | None:
    try:
        found = serializer.loads(value or "", max_age=seconds)
    except BadSignature:
        return None
    return found if isinstance(found, str) else None
