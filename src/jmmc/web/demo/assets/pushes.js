// Observes the pushes of the script, and can let them fail as if the collector were down.

/**
 * Wrap fetch and sendBeacon. Call it before the script loads.
 *
 * @param {(url: string) => boolean} isPush
 * @param {(push: object) => void} onChange called with each push when it is sent and when it ends
 * @returns {{down: boolean}} set `down` to let all pushes fail
 */
export function watchPushes(isPush, onChange) {
  const connection = { down: false };
  const realFetch = window.fetch.bind(window);
  const realBeacon = navigator.sendBeacon.bind(navigator);

  window.fetch = async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if (!isPush(url)) return realFetch(input, init);
    const push = pushOf(String(init?.body ?? ""));
    onChange(push);
    try {
      if (connection.down) throw new TypeError("Failed to fetch");
      const response = await realFetch(input, init);
      push.status = response.status;
      push.answer = await response
        .clone()
        .json()
        .catch(() => ({}));
      push.state = response.ok ? "confirmed" : "rejected";
      return response;
    } catch (error) {
      push.state = "unanswered";
      throw error;
    } finally {
      onChange(push);
    }
  };

  navigator.sendBeacon = (url, body) => {
    if (!isPush(String(url))) return realBeacon(url, body);
    const push = pushOf(typeof body === "string" ? body : "");
    push.bytes = body instanceof Blob ? body.size : push.bytes;
    push.state = "unanswered";
    onChange(push);
    return connection.down ? false : realBeacon(url, body);
  };

  return connection;
}

let count = 0;

function pushOf(text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // Only its size is shown.
  }
  const bytes = new TextEncoder().encode(text).length;
  return {
    id: ++count,
    at: Date.now(),
    bytes,
    room: String(body.conf ?? ""),
    samples: body.samples ?? [],
    state: "sending",
    status: 0,
    answer: {},
  };
}
