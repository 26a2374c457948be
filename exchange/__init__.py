"""Who may trade what, in which order, and what happened."""
