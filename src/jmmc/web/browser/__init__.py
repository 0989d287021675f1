"""The endpoints that browsers use: the script and the push. Plain ASGI."""
