-- The devices that were used longest, by which calls are compared. The index is empty where no devices are known.
ALTER TABLE summaries ADD COLUMN microphone TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN camera TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN speaker TEXT NOT NULL DEFAULT '';
CREATE INDEX summaries_by_device ON summaries (began, ended, outcome, conf, good, fair, poor, session, uid, name_key, moved, devices_key, microphone, camera, speaker, region, network, browser) WHERE devices_key <> '';
