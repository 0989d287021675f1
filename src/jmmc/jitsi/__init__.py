"""Getting the browser script into a Jitsi Meet page."""
