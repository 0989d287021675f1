"""Nouns, errors, logging, timestamps and tasks: what every other wing stands on."""
