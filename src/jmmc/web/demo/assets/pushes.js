// Sees each push that the script sends, and can hold it back as a collector that is down would.

/**
 * Wrap the page's two ways of sending. Call it before the script loads.
 *
 * @param {(url: string) => boolean} isPush
 * @param {(push: object) => void} onChange told each push when it leaves and when it ends
 * @returns {{down: boolean}} set `down` to let every push fail
 */
export function watchPushes(isPush, onChange) {
  const line = { down: false };
  const fetchIt = window.fetch.bind(window);
  const beaconIt = navigator.sendBeacon.bind(navigator);

  window.fetch = async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if (!isPush(url)) return fetchIt(input, init);
    const push = opened(String(init?.body ?? ""));
    onChange(push);
    try {
      if (line.down) throw new TypeError("Failed to fetch");
      const response = await fetchIt(input, init);
      push.status = response.status;
      push.answer = await response
        .clone()
        .json()
        .catch(() => ({}));
      push.state = response.ok ? "confirmed" : "refused";
      return response;
    } catch (error) {
      push.state = "unanswered";
      throw error;
    } finally {
      onChange(push);
    }
  };

  navigator.sendBeacon = (url, body) => {
    if (!isPush(String(url))) return beaconIt(url, body);
    const push = opened(typeof body === "string" ? body : "");
    push.bytes = body instanceof Blob ? body.size : push.bytes;
    push.state = "unanswered";
    onChange(push);
    return line.down ? false : beaconIt(url, body);
  };

  return line;
}

let count = 0;

function opened(text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // Shown with its size alone.
  }
  const bytes = new TextEncoder().encode(text).length;
  return {
    id: ++count,
    at: Date.now(),
    bytes,
    conf: String(body.conf ?? ""),
    samples: body.samples ?? [],
    state: "sending",
    status: 0,
    answer: {},
  };
}
