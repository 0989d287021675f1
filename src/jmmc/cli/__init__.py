"""The command `jmmc`: one file a group of commands."""
