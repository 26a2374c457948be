"""The venue engine: commands in, events out. Pure: no clock, no chance, no I/O."""
