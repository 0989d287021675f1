"""Users, API tokens, and the secret that signs cookies."""
