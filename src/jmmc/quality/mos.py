"""An estimate of the mean opinion score (MOS) of received audio, by the E-model (ITU-T G.107).

R = 93.2 - Id - Ie,eff with all defaults. Id is that of Cole and Rosenbluth (2001); Ie,eff is that
of G.107 with Ie = 0 and Bpl = 20: there is no standard value for Opus, and with its forward error
correction 10 to 20 is common practice. The result is an estimate (MOS-CQE) for comparing calls.
"""

from math import isfinite

_PACKET = 20.0  # ms in a packet.
_ASSUMED_JITTER = 20.0  # ms, when unknown: the usual 60 ms of buffer.
_BPL = 20.0  # Percent: robustness against loss.


def mos(*, rtt: float | None, loss: float | None, jitter: float | None = None) -> float | None:
    """1..4.5 from round-trip time (ms), received loss (percent) and jitter (ms).

    None when round-trip time or loss is unknown. It never rises with loss, time or jitter.
    """
    if rtt is None or loss is None or not (isfinite(rtt) and isfinite(loss)):
        return None
    buffer = 20.0 + 2 * (_ASSUMED_JITTER if jitter is None else max(jitter, 0.0))
    delay = max(rtt, 0.0) / 2 + _PACKET + buffer
    delay_impairment = 0.024 * delay + 0.11 * max(delay - 177.3, 0.0)
    lost = min(max(loss, 0.0), 100.0)
    loss_impairment = 95.0 * lost / (lost + _BPL)
    return _score(93.2 - delay_impairment - loss_impairment)


def _score(r: float) -> float:
    """R to MOS; the cubic would dip below 1 for R under 6.5, so R is clamped first."""
    r = min(max(r, 6.52), 100.0)
    score = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r)
    return min(max(score, 1.0), 4.5)
