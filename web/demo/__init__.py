"""The demo: three fictional markets, seeded once, kept alive by bots that are ordinary clients."""
