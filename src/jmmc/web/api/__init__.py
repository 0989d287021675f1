"""The endpoints that programs use: `/api/v1/` and `/metrics`."""
