"""What leads from a page to an incident."""

from typing import Any

import pytest

from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.sessions import LoginSigner


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (
            "i0123456789abcdef",
            '<a href="/x/incidents/i0123456789abcdef">incident i0123456</a>',
        ),
        ("region eu-west", "region eu-west"),
        ("<i>", "&lt;i&gt;"),
    ],
)
def test_an_alert_of_an_incident_leads_to_it(subject: str, shown: str) -> None:
    layout = Layout(LoginSigner("secret"), lambda: "UTC")
    parts: Any = layout.templates.get_template("parts.html").module
    assert parts.alert_subject(subject, "/x", lambda text: text) == shown
