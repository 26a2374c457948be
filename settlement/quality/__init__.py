"""Quality and weight to money: rules as data, applied exactly, each line to recompute."""
