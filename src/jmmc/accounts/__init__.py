"""Who may sign in, which tokens the API accepts, and the secret that signs cookies.

Names, passwords and tokens enter; users, scopes and digests leave. This wing knows nothing of HTTP:
cookies, headers and forms are in `web.security`.
"""

__all__ = ["secret", "tokens", "users"]
