"""Every question that may be asked, and the nouns of its answer."""
