"""Forms: what people typed, checked and turned into the engine's units."""
