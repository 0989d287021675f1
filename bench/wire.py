"""Measure what the browser script sends in recorded calls, at the recorded times.

Chromium replays whole calls of lib-jitsi-meet: their statistics, events and joins. The peer
connection's reports are made up around them, with the noise of a real line. Prints the bytes of
bodies and readings a minute, and can write the samples for other measurements.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import Browser, sync_playwright

from tests.client.conftest import Stage
from tests.conftest import CHROMIUM, CHROMIUM_OPTIONS
from tests.support.recordings import Record, calls

# Reports whose counters grow with the page's clock: a speaker, a listener, two cameras.
_REPORTS = """
(seed) => {
  let drawn = seed;
  const noise = () => (drawn = (drawn * 16807) % 2147483647) / 2147483647;
  let stats, before = performance.now();
  const stream = (id, type, kind, more) =>
    ({ id, type, kind, packetsReceived: 0, packetsSent: 0, packetsLost: 0, jitter: 0, ...more });
  const sound = () => ({ totalAudioEnergy: 0, totalSamplesDuration: 0, totalSamplesReceived: 0,
    concealedSamples: 0, silentConcealedSamples: 0 });
  const picture = (height) => ({ frameHeight: height, frameWidth: height * 16 / 9,
    framesDecoded: 0, framesReceived: 0, framesDropped: 0, totalDecodeTime: 0,
    totalFreezesDuration: 0, retransmittedPacketsReceived: 0, powerEfficientDecoder: false,
    contentType: "unspecified" });
  const film = () => ({ framesSent: 0, framesEncoded: 0, totalEncodeTime: 0,
    retransmittedPacketsSent: 0, powerEfficientEncoder: false, qualityLimitationReason: "none",
    qualityLimitationDurations: { cpu: 0, bandwidth: 0, other: 0, none: 0 } });
  window.renewConnection = () => {
    stats = [stream("A1", "inbound-rtp", "audio", { ssrc: 1, ...sound() }),
      stream("A2", "inbound-rtp", "audio", { ssrc: 2, ...sound() }),
      stream("V1", "inbound-rtp", "video", { ssrc: 3, ...picture(720) }),
      stream("V2", "inbound-rtp", "video", { ssrc: 4, ...picture(180) }),
      stream("OA", "outbound-rtp", "audio"), stream("OV", "outbound-rtp", "video", film()),
      stream("RA", "remote-inbound-rtp", "audio", { localId: "OA" }),
      stream("RV", "remote-inbound-rtp", "video", { localId: "OV", fractionLost: 0 })];
    const track = (ssrc) => ({ getSsrc: () => ssrc, isMuted: () => false,
      getVideoType: () => "camera" });
    APP.conference._room.getParticipants = () => [
      { getId: () => "8697eaa7", getTracks: () => [track(1), track(3)] },
      { getId: () => "198a1467", getTracks: () => [track(2), track(4)] }];
    APP.conference._room.pc = { peerconnection: { getStats: async () => {
      const seconds = (performance.now() - before) / 1000;
      before = performance.now();
      for (const stat of stats) {
        stat.timestamp = Date.now();
        stat.packetsReceived += Math.round(seconds * (50 + noise()));
        stat.packetsSent += Math.round(seconds * (50 + noise()));
        stat.packetsLost += noise() < 0.1 ? 1 : 0;
        stat.jitter = Math.round(2 + (stat.kind === "video" ? 18 : 4) * noise()) / 1000;
        if (stat.type === "remote-inbound-rtp") {
          stat.jitter = 0.004 + 0.002 * noise();
          stat.roundTripTime = 0.02 + 0.004 * noise();
        }
        if ("concealedSamples" in stat) {
          stat.totalSamplesReceived += Math.round(48000 * seconds);
          stat.totalSamplesDuration += seconds;
          stat.totalAudioEnergy += stat.id === "A1" ? 0.01 * seconds * noise() : 0;
          stat.concealedSamples += noise() < 0.3 ? Math.round(960 * noise()) : 0;
        }
        if ("framesEncoded" in stat) {
          const frames = Math.round(seconds * (28 + 2 * noise()));
          stat.framesSent += frames;
          stat.framesEncoded += frames;
          stat.totalEncodeTime += 0.004 * frames * (0.8 + 0.4 * noise());
          stat.qualityLimitationDurations.none += seconds;
        }
        if ("framesDecoded" in stat) {
          const frames = Math.round(seconds * (28 + 2 * noise()));
          stat.framesDecoded += frames;
          stat.framesReceived += frames;
          stat.framesDropped += noise() < 0.1 ? 1 : 0;
          stat.totalDecodeTime += 0.002 * frames * (0.8 + 0.4 * noise());
          stat.totalFreezesDuration += noise() < 0.05 ? 0.3 * noise() : 0;
        }
      }
      return new Map(stats.map((stat) => [stat.id, { ...stat }]));
    } } };
  };
  renewConnection();
}
"""
_STATS = "cq.local_stats_updated"


def replay(browser: Browser, records: list[Record], seed: int, **settings: Any) -> Stage:
    """Play one participant's call to its end; the stage that is returned has its pushes."""
    context = browser.new_context()
    stage = Stage(context.new_page(), clock=True, **settings)
    stage.page.evaluate("me => void jitsi.join('weekly-meeting', me)", records[0]["me"])
    stage.page.evaluate(_REPORTS, seed)
    stage.load()
    stage.wait_for(1)
    at = records[0]["at"]
    for record in records:
        stage.pass_time(record["at"] - at)
        at = record["at"]
        _raise(stage, record)
    stage.pass_time(2000)
    stage.page.evaluate("jitsi.leave()")
    stage.answered()
    context.close()
    return stage


def _raise(stage: Stage, record: Record) -> None:
    name = record["ev"]
    if name == _STATS:
        payload = record["args"][0]
        if not payload["transport"] and not payload["bitrate"]["upload"]:
            stage.page.evaluate("renewConnection()")  # The first statistics of a connection.
        undefined = [path.removeprefix("0.") for path in record.get("undef", [])]
        stage.emit({"payload": payload, "undefined": undefined})
    elif name == "conference.trackMuteChanged":
        stage.page.evaluate(
            "name => APP.conference._room.emit(name,"
            " { isLocal: () => true, isMuted: () => true, getType: () => 'audio' })",
            name,
        )
    elif name == "conference.p2pStatus":
        stage.raise_event(name, None, record["args"][1])
    elif not name.endswith((".joined", ".left")):
        stage.raise_event(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="file for the samples, one call a line")
    options = parser.parse_args()
    lines = []
    sums: Counter[str] = Counter()
    print("| call | minutes | pushes | samples | body bytes/min | readings bytes/min |")
    print("|---|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        for number, ((run, page), records) in enumerate(calls().items()):
            stage = replay(browser, records, 20_261_126 + number)
            minutes = (records[-1]["at"] - records[0]["at"]) / 60_000
            bodies = sum(len(json.dumps(push, separators=(",", ":"))) for push in stage.pushes)
            readings = [json.dumps(s["m"], separators=(",", ":")) for s in stage.samples]
            counts = {
                "minutes": minutes,
                "pushes": len(stage.pushes),
                "samples": len(stage.samples),
                "bodies": bodies,
                "readings": sum(map(len, readings)),
            }
            sums.update(counts)
            _show(f"{run[:40]}, {page}", counts)
            lines.append(json.dumps({"minutes": minutes, "pushes": stage.pushes}))
        browser.close()
    _show("all", sums)
    if options.write:
        options.write.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _show(name: str, counts: Any) -> None:
    minutes = counts["minutes"]
    rates = [f"{counts[key] / minutes:,.0f}" for key in ("bodies", "readings")]
    numbers = [f"{minutes:.1f}", str(counts["pushes"]), str(counts["samples"]), *rates]
    print(f"| {name} | {' | '.join(numbers)} |")


if __name__ == "__main__":
    main()
