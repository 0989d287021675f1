/** Replaced by the settings when the script is served. */
declare const JMMC_SETTINGS: any;
