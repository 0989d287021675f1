// @ts-check
/*
 * What the operator may choose to know of people, as a page knows it that embeds Jitsi Meet: by the
 * IFrame API. The token is the one that the page gave to it.
 */

/** The API of the call. @type {any} */
let embedded;
/** @type {string | undefined} */
let displayName;
/** Devices by kind, as they were last. @type {any} */
let devices = {};

/** What a JSON Web Token says of its user. @param {any} token */
function userOf(token) {
  const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
  const json = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  const { name, id } = JSON.parse(json).context.user;
  return name || id;
}

findName = () =>
  text(
    settings.identify === "display_name"
      ? displayName
      : settings.identify === "jwt" &&
          userOf(new URL(embedded.getIFrame().src).searchParams.get("jwt")),
    64,
  );

onReader = () => {
  if (settings.support_code !== "notice") return;
  const isFrench = /^fr/.test(dom.documentElement.lang);
  attempt(() =>
    embedded.executeCommand("showNotification", {
      uid: "jmmc-code",
      type: "normal",
      timeout: "medium",
      title: (isFrench ? "Code d’assistance : " : "Support code: ") + code,
    }),
  );
};

/** @type {Object<string, string>} The events of a change, by kind of device. */
const CHANGES = { audioInput: "mic", videoInput: "cam", audioOutput: "speaker" };

/** Ask the API which devices are in use. */
const askDevices = guarded(() => {
  const asked = session;
  embedded.getCurrentDevices().then(
    guarded((/** @type {any} */ current) => {
      if (!session || session !== asked) return;
      for (const kind of keysOf(CHANGES)) {
        const [before, after] = [devices[kind]?.deviceId, current[kind]?.deviceId];
        if (before && after && before !== after) onEvent(CHANGES[kind] + "_changed");
      }
      devices = current;
    }),
    () => {},
  );
});

// As they were when they were asked for last.
findDevices = () => {
  if (!settings.collect_devices) return {};
  askDevices();
  /** @param {string} kind */
  const nameOf = (kind) => deviceName(devices[kind]?.label, devices[kind]?.deviceId);
  return {
    "dev.mic": nameOf("audioInput"),
    "dev.cam": nameOf("videoInput"),
    "dev.spk": nameOf("audioOutput"),
  };
};

onWatch = (api) => {
  /** @type {string | undefined} The participant. */
  let me;
  embedded = api;
  /** @type {Object<string, (event: any) => void>} */
  const listeners = {
    videoConferenceJoined(event) {
      embedded = api;
      devices = {};
      me = event.id;
      displayName = event.displayName;
    },
    displayNameChange(event) {
      if (event.id === me) displayName = event.displayname;
    },
  };
  for (const name of keysOf(listeners)) api.addListener(name, guarded(listeners[name]));
};
