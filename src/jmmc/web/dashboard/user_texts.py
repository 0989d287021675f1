"""What the pages say about changes of users; the keys of these texts in every language."""

from jmmc.accounts.users import Reason

PROBLEMS: dict[Reason, str] = {
    "name": "A name has 1 to 64 characters and no space at either end.",
    "taken": "There is already a user of this name.",
    "unknown": "There is no user of this name.",
    "short": "A password needs 10 characters or more.",
    "long": "A password has at most 1,024 characters.",
    "last_admin": "This is the last admin. Make another user an admin first.",
}
"""Why a change was refused, by the reason of a `UserError`."""

FIELDS: dict[Reason, str] = {
    "name": "name",
    "taken": "name",
    "short": "password",
    "long": "password",
}
"""The field of a form that the reason of a `UserError` is about, where it is one."""

FIRST_IS_ADMIN = "The first user must be an admin, who can add the others."

DONE = {
    "added": "The user was added.",
    "role": "The role was changed.",
    "password": "The password was changed. The user is signed out everywhere.",
    "removed": "The user was removed, and is signed out everywhere.",
}
"""What a page says after a change, by the word in its URL."""
