"""Alert rules, their evaluation, and the notifications that follow."""
