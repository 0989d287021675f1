"""Alerts: decides when a rule fires or resolves, and notifies by webhook, chat and e-mail.

The rules enter with the settings, the figures come from `answers`; notifications leave over the
channels. This wing knows nothing of HTTP servers, grades or how sessions are stored.
"""

__all__ = ["channels", "decision", "evaluator", "notifications", "posting"]
