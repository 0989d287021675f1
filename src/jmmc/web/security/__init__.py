"""Who may come in, and the headers that protect them."""
