"""The pages that operators use."""
