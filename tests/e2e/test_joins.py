"""Failed joins and ended stays, from Jitsi's error in the page to what the collector stored."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.client.test_joins import CONNECTION_ERRORS, DROPS, OPEN_ERRORS, ROOM_ERRORS
from tests.e2e.conftest import load_script
from tests.support.servers import Serve
from tests.support.waiting import wait_until

_PLAY = """
async ([codes, open, drops]) => {
  const seconds = (count) => new Promise((resolve) => setTimeout(resolve, 1000 * count));
  const hide = () => {
    for (const name of ["pagehide", "pageshow"]) window.dispatchEvent(new Event(name));
  };
  const fail = (code) => {
    if (code.startsWith("connection")) {
      APP.connection.emit("connection.connectionFailed", code);
    } else if (code === "timeout") {
      jitsi.sendAnalytics("session-accept.timeout", { p2p: false });
    } else if (code === "reload") {
      jitsi.sendAnalytics("page.reload.scheduled", { reason: "error.config.x" });
    } else {
      const name = { kicked: "conference.kicked", suspended: "conference.suspendDetected" }[code];
      APP.conference._room.emit(name || "conference.failed", code);
    }
  };
  const ask = (conf) => {
    jitsi.connect();
    jitsi.join(conf, "me", false);
    // As often as the page is looked at, and before each event of Jitsi's analytics.
    jitsi.sendAnalytics("any");
  };
  jitsi.makeHandlers();
  for (const code of codes) {
    ask("fail-" + code);
    fail(code);
  }
  for (const code of open) {
    ask("open-" + code);
    fail(code);
    hide();
  }
  ask("gave-up");
  hide();
  for (const code of drops) {
    ask("drop-" + code);
    APP.conference._room.joined = true;
    jitsi.sendAnalytics("any");
    if (/^[ks]/.test(code)) APP.conference._room.joined = null;
    fail(code);
    if (APP.conference._room.joined) jitsi.leave();
    jitsi.sendAnalytics("any");
  }
  await seconds(1);
}
"""


def test_every_reason_is_stored_as_the_page_had_it(
    serve: Serve, visit: Callable[..., Page]
) -> None:
    page = visit()
    load_script(page, serve.port)
    codes = [*ROOM_ERRORS, *CONNECTION_ERRORS]
    page.evaluate(_PLAY, [codes, list(OPEN_ERRORS), list(DROPS)])
    expected = {
        **{
            f"fail-{code}": {"fail": reason}
            for code, reason in {**ROOM_ERRORS, **CONNECTION_ERRORS}.items()
        },
        **{f"open-{code}": {"fail": reason} for code, reason in OPEN_ERRORS.items()},
        "gave-up": {"fail": "gave_up"},
        **{f"drop-{code}": {"drop": reason} for code, reason in DROPS.items()},
    }

    def find() -> dict[str, Any] | None:
        sessions = {session["conf"]: session["m"] for session in serve.export()}
        return sessions if len(sessions) == len(expected) else None

    stored = wait_until(find, pause=0.3)
    for conf, outcome in expected.items():
        last = stored[conf][-1]
        (kind,) = outcome
        assert {key: last.get(key) for key in ("fail", "drop") if key in last} == outcome, conf
        assert last["bye"] is True
        assert "join" in {**last, **stored[conf][0]}["set"]
        assert len(stored[conf]) == 1 or kind == "drop"
    assert page.evaluate("jitsi.errors") == []
