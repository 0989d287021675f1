"""Names of microphones, cameras and speakers, from the labels that browsers give them."""

import re

DEVICES = {"dev.mic": "microphone", "dev.cam": "camera", "dev.spk": "speaker"}
"""The dimensions of devices, by the path of the reading with the label."""

# Chrome's entries for what the system has chosen; scripts since 1.1 send no such prefix.
_CHOSEN_BY_SYSTEM = re.compile("^(?:Default|Communications) - ")
# Of vendor and product, as Chrome appends them: "(0b0e:0300)". A label of 64 characters may be cut
# in the middle of it.
_USB_IDS = re.compile(r" \([0-9a-f]{0,4}(?::[0-9a-f]{0,4}\)?)?$")
# Windows numbers a device that is plugged into another port: "Microphone (2- Jabra EVOLVE 20)".
_PORT = re.compile(r"\([0-9]{1,2}- ")


def device_name(label: str) -> str:
    """The name of a device without what differs between two of the same model.

    These are its USB ids, the number of its port, and whether the system has chosen it.
    """
    name = _CHOSEN_BY_SYSTEM.sub("", label.strip())
    return _PORT.sub("(", _USB_IDS.sub("", name)).strip()
