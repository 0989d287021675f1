"""The demo page: a recorded conference plays into the real browser script.

The recording enters, and the page, the script with short intervals and what the demo's own
conferences stored leave. It knows nothing of the dashboard, nor of summaries and grades.
"""
