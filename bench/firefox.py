"""Run the browser script in Firefox, in a call of which it is known which packets were lost.

Two peer connections in one page call each other with Firefox's fake camera and microphone, through
the relay of `lossy_call.py`, which drops packets of the caller and counts them. The script reads
one end, as in a page of Jitsi Meet. What it pushed is printed beside what the reports of
`getStats()` say, worked out here, and what the relay counted.

Needs Debian's firefox-esr. Firefox is driven by its own protocol, Marionette.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.lossy_call import Relay
from jmmc.settings import Settings
from jmmc.web.browser.script import SCRIPT_NAMES, ScriptName, render

_PAGES = Path(__file__).parent.parent / "tests" / "e2e"
_TICK = 10  # Seconds between two of Jitsi's statistics.
_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "app.update.auto": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
_SETUP = """
const made = () => {
  const connection = new RTCPeerConnection();
  connection.ontrack = ({ track }) => {
    const shown = document.createElement(track.kind);
    shown.autoplay = true;
    shown.srcObject = new MediaStream([track]);
    document.body.append(shown);
  };
  return connection;
};
window.ends = [made(), made()];
window.media = async () => {
  const wanted = { audio: true, video: { width: 640, height: 480 } };
  const stream = await navigator.mediaDevices.getUserMedia(wanted);
  for (const end of ends) for (const track of stream.getTracks()) end.addTrack(track, stream);
};
window.described = async (end, description) => {
  await end.setLocalDescription(description);
  while (end.iceGatheringState !== "complete") await new Promise((go) => setTimeout(go, 20));
  return end.localDescription.sdp;
};
window.offer = async () => described(ends[0], await ends[0].createOffer());
window.answer = async (sdp) => {
  await ends[1].setRemoteDescription({ type: "offer", sdp });
  return described(ends[1], await ends[1].createAnswer());
};
window.reports = [];
window.begin = async (side) => {
  const end = ends[side];
  const read = end.getStats.bind(end);
  end.getStats = async () => {
    const report = await read();
    reports.push([...report.values()]);
    return report;
  };
  const room = jitsi.join("room", "me");
  room.pc = { peerconnection: end };
  await jitsi.load("/jmmc/getClient");
};
window.connected = async (sdp) => {
  await ends[0].setRemoteDescription({ type: "answer", sdp });
  while (ends[0].connectionState !== "connected") await new Promise((go) => setTimeout(go, 50));
};
window.sent = async () => JSON.stringify([...(await ends[0].getStats()).values()]);
window.latest = () => JSON.stringify(reports.at(-1));
window.left = () => {
  APP.conference._room.joined = null;
  APP.conference._room = undefined;
};
window.errors = () => JSON.stringify(jitsi.errors);
window.tick = () => APP.conference._room.emit("cq.local_stats_updated", {
  connectionQuality: 90,
  bitrate: {
    upload: 800, download: 800, audio: { upload: 40, download: 40 },
    video: { upload: 760, download: 760 },
  },
  packetLoss: { upload: 0, download: 0, total: 0 },
  transport: [{ ip: "198.51.100.9:10000", type: "udp", p2p: false }],
});
"""


class Firefox:
    """A headless Firefox with a new profile."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        preferences = {**_PREFERENCES, "marionette.port": port}
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items())
        (folder / "user.js").write_text("".join(lines), "utf-8")
        command = ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile"]
        self._process = subprocess.Popen(
            [*command, str(folder)],
            env={**os.environ, "HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._socket = self._connect(port)
        self._number = 0
        self._read()  # It greets first.
        capabilities = self.call("WebDriver:NewSession", {})["capabilities"]
        self.version = str(capabilities["browserVersion"])

    @staticmethod
    def _connect(port: int) -> socket.socket:
        for _ in range(120):
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=60)
            except ConnectionRefusedError:
                time.sleep(0.5)
        raise SystemExit("Firefox did not start")

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._socket.recv(1)
        left, content = int(length[:-1]), b""
        while left > len(content):
            content += self._socket.recv(left - len(content))
        return json.loads(content)

    def call(self, command: str, parameters: dict[str, Any]) -> Any:
        """Send a command, and return its result."""
        self._number += 1
        content = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(content), content))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{command}: {error['message']}")
        return result

    def run(self, expression: str, *arguments: Any) -> Any:
        """The value of a call of one of the page's own functions, or of its promise."""
        script = f"return window.{expression}"
        sent = {"script": script, "args": arguments, "sandbox": None}
        return self.call("WebDriver:ExecuteScript", sent)["value"]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


class Collector(ThreadingHTTPServer):
    """Serves the page and the script, and confirms pushes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.samples: list[dict[str, Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if name in SCRIPT_NAMES:
            text = render(Settings.of(push_url="/jmmc/push"), cast(ScriptName, name))
            self._answer(text.encode(), "application/javascript")
        elif not (_PAGES / name).is_file():
            self.send_error(404)
        else:
            kind = "text/html" if name.endswith(".html") else "application/javascript"
            self._answer((_PAGES / name).read_bytes(), kind)

    def do_POST(self) -> None:
        push = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        cast(Collector, self.server).samples += push["samples"]
        answer = {"ack": push["samples"][-1]["seq"], "now": time.time()}
        self._answer(json.dumps(answer).encode(), "application/json")

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _lost(reports: list[Any], of_receiver: str, kind: str) -> float | None:
    """The lost share of packets in percent between the first and the last report."""
    first, last = (
        next((s for s in report if s["type"] == of_receiver and s["kind"] == kind), None)
        for report in (reports[0], reports[-1])
    )
    if first is None or last is None:
        return None
    lost = max(0, last["packetsLost"] - first["packetsLost"])
    arrived = last["packetsReceived"] - first["packetsReceived"]
    return 100 * lost / (lost + arrived) if lost + arrived else None


def measure(side: int, seconds: int, loss: float) -> tuple[str, dict[str, Any]]:
    """Firefox's version, and by source the percentages of a call with lost packets."""
    collector = Collector()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        firefox = Firefox(Path(folder))
        try:
            firefox.call(
                "WebDriver:Navigate",
                {"url": f"http://127.0.0.1:{collector.server_port}/jitsi.html"},
            )
            setup = "document.head.append(Object.assign(document.createElement('script'),"
            firefox.call(
                "WebDriver:ExecuteScript",
                {"script": setup + " { textContent: arguments[0] }));", "args": [_SETUP]},
            )
            firefox.run("media()")
            offer = firefox.run("offer()")
            # Firefox does not use loopback addresses beside others.
            relay = Relay(re.findall(r"UDP \d+ ([\d.]+) ", offer)[0])
            offered = relay.through(offer, 0)
            answered = relay.through(firefox.run("answer(arguments[0])", offered), 1)
            firefox.run("connected(arguments[0])", answered)
            streams = json.loads(firefox.run("sent()"))
            relay.kinds = {s["ssrc"]: s["kind"] for s in streams if s["type"] == "outbound-rtp"}
            firefox.run("begin(arguments[0])", side)
            reports, counts = [], []
            for turn in range(seconds // _TICK + 2):
                firefox.run("tick()")
                time.sleep(1)
                reports.append(json.loads(firefox.run("latest()")))
                counts.append(relay.counts())
                if turn == 1:
                    relay.loss = {"audio": loss, "video": loss}
                time.sleep(_TICK - 1)
            firefox.run("left()")
            time.sleep(4)
            errors = json.loads(firefox.run("errors()"))
        finally:
            firefox.close()
            collector.shutdown()
    assert not errors, errors
    # Losses begin just after the second tick: all time after the third has them.
    return firefox.version, {
        "script": _said(collector.samples, "u" if side == 0 else "d"),
        "getStats": {
            kind: _lost(reports[2:], "remote-inbound-rtp" if side == 0 else "inbound-rtp", kind)
            for kind in ("audio", "video")
        },
        "relay": {
            kind: 100
            * (counts[-1][kind]["lost"] - counts[2][kind]["lost"])
            / (counts[-1][kind]["sent"] - counts[2][kind]["sent"])
            for kind in ("audio", "video")
        },
        "state": _state(collector.samples),
    }


def _state(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """The last known value of every reading."""
    found: dict[str, Any] = {}
    for sample in samples:
        for key, value in sample["m"].items():
            parts = value.items() if isinstance(value, dict) else [("", value)]
            found |= {f"{key}.{part}".rstrip("."): content for part, content in parts}
    return found


def _said(samples: list[dict[str, Any]], way: str) -> dict[str, Any]:
    """The means of the script's readings over the intervals with losses."""
    held: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for sample in samples:
        held |= sample["m"].get(way, {})
        if not sample.get("bye") and sample["seq"] >= 1:
            rows.append(dict(held))
    found = {}
    for kind, letter in (("audio", "apl"), ("video", "vpl")):
        values = [row[letter] for row in rows[3:] if row.get(letter) is not None]
        found[kind] = sum(values) / len(values) if values else None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of the call with losses")
    parser.add_argument("--loss", type=float, default=0.1, help="share of packets that is lost")
    options = parser.parse_args()
    for side, end in enumerate(("the sender of what is lost", "its receiver")):
        version, figures = measure(side, options.seconds, options.loss)
        print(f"\nFirefox {version}, the script at {end}")
        for source in ("script", "getStats", "relay"):
            row = ", ".join(
                f"{kind} {'unknown' if share is None else f'{share:.1f} %'}"
                for kind, share in figures[source].items()
            )
            print(f"{source}: {row}")
        print("readings:", json.dumps(figures["state"]))


if __name__ == "__main__":
    main()
