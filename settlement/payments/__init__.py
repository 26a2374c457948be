"""How money reaches and leaves the venue: one interface, one file a rail."""
