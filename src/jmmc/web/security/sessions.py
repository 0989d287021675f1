"""The cookie of somebody who has signed in, and the token of a form."""

from typing import Any, NamedTuple

from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "jmmc_session"
HOURS = 12
"""That a sign-in lasts."""

NOBODY_YET = "\n"
"""For whom the form is made that signs in. No user has this name."""


class SignedIn(NamedTuple):
    """Who a cookie names, and the stamp that their password had then."""

    name: str
    stamp: str


class SignIn:
    """Signs and reads; `secret` is the collector's."""

    def __init__(self, secret: str) -> None:
        self._cookies = URLSafeTimedSerializer(secret, salt="jmmc sign-in")
        self._forms = URLSafeTimedSerializer(secret, salt="jmmc form")

    def cookie(self, signed_in: SignedIn) -> str:
        """The cookie's value for a user."""
        return str(self._cookies.dumps(signed_in))

    def read(self, cookie: str | None) -> SignedIn | None:
        """The user that a cookie names; None when it is forged or too old."""
        match _read(self._cookies, cookie):
            case [str(name), str(stamp)]:
                return SignedIn(name, stamp)
        return None

    def form(self, name: str) -> str:
        """A token for the forms of a user; "" is whoever sits at this machine."""
        return str(self._forms.dumps(name))

    def is_form_of(self, name: str, token: str | None) -> bool:
        """Whether a form was made for that user, in the last hours."""
        return bool(_read(self._forms, token) == name)


def _read(serializer: URLSafeTimedSerializer, value: str | None) -> Any:
    try:
        return serializer.loads(value or "", max_age=HOURS * 3600)
    except BadSignature:
        return None
