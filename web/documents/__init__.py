"""Documents that people keep: a contract as PDF, drawn from its sealed text and nothing else."""
