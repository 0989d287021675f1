// @ts-check
/* What the operator may choose to know of people, as a Jitsi Meet page knows it. */

/** @type {Object<string, (room: any) => any>} Who the participant is, by the setting. */
const NAMES = {
  stats_id: (room) => room._statsCurrentId,
  display_name: () => stateOf("participants").local.name,
  jwt: () => {
    const { name, id } = stateOf("jwt").user;
    return name || id;
  },
};

findName = () => text(NAMES[settings.identify](lastRoom), 64);

onReader = () => {
  if (settings.support_code === "notice") attempt(() => page.__jmmcReport[4](code));
};

findDevices = (room) => settings.collect_devices && attempt(() => findReader()[3](room));
