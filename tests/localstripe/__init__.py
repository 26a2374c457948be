"""The adapter over Stripe against somebody else's double: `make test-localstripe`."""
