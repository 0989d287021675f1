"""Record a call of two browsers of which it is known which packets were lost.

Two pages in Chromium call each other. A relay between them drops packets of each kind with a share,
and counts what it forwards and drops by SSRC: the truth, apart from the browsers' own counters.
Writes one line every five seconds: the reports of both ends, and the packets of each kind that the
caller had sent and lost by then, retransmissions and probes (`rtx`) apart.
"""

import argparse
import json
import random
import select
import socket
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.conftest import CHROMIUM

_PAGE = """
<script>
const made = async () => {
  window.pc = new RTCPeerConnection();
  const video = { width: 1280, height: 720, frameRate: 30 };
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  for (const track of media.getTracks()) pc.addTrack(track, media);
  pc.ontrack = ({ track }) => {
    const shown = document.createElement(track.kind);
    shown.autoplay = true;
    shown.srcObject = new MediaStream([track]);
    document.body.append(shown);
  };
};
const described = async (description) => {
  await pc.setLocalDescription(description);
  while (pc.iceGatheringState !== "complete") await new Promise((go) => setTimeout(go, 20));
  return pc.localDescription.sdp;
};
const offer = async () => described(await pc.createOffer());
const answer = async (sdp) => {
  await pc.setRemoteDescription({ type: "offer", sdp });
  return described(await pc.createAnswer());
};
const report = async () => [...(await pc.getStats()).values()];
</script><body></body>
"""
_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
]
_KEPT = ("inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "transport", "candidate-pair")
_STEP = 5  # Seconds between two reports.


class Relay(threading.Thread):
    """Forwards packets between a caller and a callee; each talks to a socket of its own.

    `host` is its address, one of this machine.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(daemon=True)
        self.loss: dict[str, float] = {}
        self.kinds: dict[int, str] = {}
        self.addresses: list[tuple[str, int] | None] = [None, None]
        self._sent: defaultdict[int, int] = defaultdict(int)
        self._lost: defaultdict[int, int] = defaultdict(int)
        self._random = random.Random(20_261_129)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for end in self._sockets:
            end.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000
            )  # Else it loses some, too.
            end.bind((host, 0))
        self.start()

    def run(self) -> None:
        while True:
            for end in select.select(self._sockets, [], [])[0]:
                packet, source = end.recvfrom(4096)
                sender = self._sockets.index(end)
                self.addresses[sender] = source
                target = self.addresses[1 - sender]
                if target and not (sender == 0 and self._drops(packet)):
                    self._sockets[1 - sender].sendto(packet, target)

    def _drops(self, packet: bytes) -> bool:
        """Count a packet of the caller, if it is RTP and not RTCP."""
        if not 128 <= packet[0] < 192 or 192 <= packet[1] < 224:
            return False
        ssrc = int.from_bytes(packet[8:12])
        self._sent[ssrc] += 1
        dropped = self._random.random() < self.loss.get(self.kinds.get(ssrc, ""), 0)
        self._lost[ssrc] += dropped
        return dropped

    def counts(self) -> dict[str, dict[str, int]]:
        """Packets sent and lost of each kind."""
        found: dict[str, dict[str, int]] = {}
        for ssrc, kind in self.kinds.items():
            row = found.setdefault(kind, {"sent": 0, "lost": 0})
            row["sent"] += self._sent[ssrc]
            row["lost"] += self._lost[ssrc]
        return found

    def through(self, sdp: str, sender: int) -> str:
        """Replace the addresses of a description by the one of the relay for the other end."""
        lines = []
        for line in sdp.split("\r\n"):
            words = line.split(" ")
            if line.startswith("a=candidate:"):
                # Firefox has candidates for RTCP apart, and unneeded.
                if words[1] != "1" or words[2].lower() != "udp" or ":" in words[4]:
                    continue
                self.addresses[sender] = self.addresses[sender] or (words[4], int(words[5]))
                words[4:6] = map(str, self._sockets[1 - sender].getsockname())
            lines.append(" ".join(words))
        return "\r\n".join(lines)


def _report(page: Page) -> list[dict[str, Any]]:
    stats: list[dict[str, Any]] = page.evaluate("report()")
    return [stat for stat in stats if stat["type"] in _KEPT]


def record(seconds: int, clean: int, loss: dict[str, float]) -> list[dict[str, Any]]:
    """A call that has the given losses after `clean` seconds."""
    relay = Relay()
    records = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        pages = []
        for _ in range(2):
            page = browser.new_context(permissions=["camera", "microphone"]).new_page()
            page.route("**/*", _serve)
            page.goto("https://meet.example.org/")
            page.evaluate("made()")
            pages.append(page)
        caller, callee = pages
        offered = relay.through(caller.evaluate("offer()"), 0)
        answered = relay.through(callee.evaluate("sdp => answer(sdp)", offered), 1)
        caller.evaluate("sdp => pc.setRemoteDescription({ type: 'answer', sdp })", answered)
        caller.wait_for_function("pc.connectionState === 'connected'")
        started = time.monotonic()
        for at in range(_STEP, seconds + 1, _STEP):
            time.sleep(max(0, started + at - time.monotonic()))
            reports = {"caller": _report(caller), "callee": _report(callee)}
            for stat in reports["caller"]:
                if stat["type"] == "outbound-rtp":
                    relay.kinds[stat["ssrc"]] = stat["kind"]
                    relay.kinds[stat.get("rtxSsrc", 0)] = "rtx"
            records.append({"at": at, "truth": relay.counts(), **reports})
            if at >= clean:
                relay.loss = loss
        browser.close()
    return records


def _serve(route: Route) -> None:
    route.fulfill(body=_PAGE, content_type="text/html")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=70)
    parser.add_argument("--clean", type=int, default=20, help="seconds before packets are lost")
    parser.add_argument("--audio", type=float, default=0.14, help="share of audio that is lost")
    parser.add_argument("--video", type=float, default=0.06)
    parser.add_argument("file", type=Path, help="where the records are written, one a line")
    options = parser.parse_args()
    loss = {"audio": options.audio, "video": options.video, "rtx": options.video}
    records = record(options.seconds, options.clean, loss)
    options.file.write_text("".join(json.dumps(entry) + "\n" for entry in records), "utf-8")


if __name__ == "__main__":
    main()
