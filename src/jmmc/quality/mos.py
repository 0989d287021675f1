"""Estimates of the mean opinion score (MOS) of received audio.

`mos` is the E-model (ITU-T G.107): R = 93.2 - Id - Ie,eff with all defaults. Id is that of Cole and
Rosenbluth (2001); Ie,eff is that of G.107 with Ie = 0 and Bpl = 20: there is no standard value for
Opus, and with its forward error correction 10 to 20 is common practice. The result is an estimate
(MOS-CQE) for comparing calls. `twilio_mos` is the formula that belongs to Twilio's limits.

Both are unknown when an input is: jitter is most of the delay of a call at home, so a value that is
assumed for it would decide the result.
"""

from math import isfinite

_PACKET = 20.0  # ms in a packet.
_BPL = 20.0  # Percent: robustness against loss.


def mos(*, rtt: float | None, loss: float | None, jitter: float | None) -> float | None:
    """1..4.5 from round-trip time (ms), received loss (percent) and jitter (ms).

    None when one of them is unknown. It never rises with loss, time or jitter.
    """
    if rtt is None or loss is None or jitter is None:
        return None
    if not (isfinite(rtt) and isfinite(loss) and isfinite(jitter)):
        return None
    buffer = 20.0 + 2 * max(jitter, 0.0)
    delay = max(rtt, 0.0) / 2 + _PACKET + buffer
    delay_impairment = 0.024 * delay + 0.11 * max(delay - 177.3, 0.0)
    lost = min(max(loss, 0.0), 100.0)
    loss_impairment = 95.0 * lost / (lost + _BPL)
    return _score(93.2 - delay_impairment - loss_impairment)


def twilio_mos(*, rtt: float | None, loss: float | None, jitter: float | None) -> float | None:
    """1..4.5 by the formula of Twilio's browser libraries; units as in `mos`.

    It takes the whole round trip as delay, and 2.5 of R for each percent that is lost
    (twilio-video.js, preflight/mos; twilio-voice.js, rtc/mos). None when an input is unknown.
    """
    if rtt is None or loss is None or jitter is None:
        return None
    if not (isfinite(rtt) and isfinite(loss) and isfinite(jitter)):
        return None
    latency = max(rtt, 0.0) + 2 * max(jitter, 0.0) + 10
    if latency >= 1000:
        return 1.0
    r = 94.768 - (latency / 40 if latency < 160 else (latency - 120) / 10)
    lost = 2.5 * min(max(loss, 0.0), 100.0)
    return 1.0 if lost > r else _score(r - lost)


def _score(r: float) -> float:
    """R to MOS; the cubic would dip below 1 for R under 6.5, so R is clamped first."""
    r = min(max(r, 6.52), 100.0)
    score = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r)
    return min(max(score, 1.0), 4.5)
