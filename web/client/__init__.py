"""The client library: a socket of one venue, kept current. Imports nothing of the product."""
