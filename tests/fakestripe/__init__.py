"""A double of the parts of Stripe that Haidai uses: strict, stateful, and as faulty as asked.

It encodes a reading of Stripe's public documents (idempotent requests, separate charges and
transfers, cash balances, manual capture), so it proves our logic, not Stripe's. What it accepts
is checked against the parameter types of the pinned `stripe` package, which are generated from
Stripe's own OpenAPI document of the same version.

- `double.Double.handle(method, path, headers, body)`: the service itself, without a network.
- `client.InProcess`: an HTTP client for the SDK that calls it directly; loses what it is told to.
- `python -m tests.fakestripe --help`: the same over HTTP on 127.0.0.1, with a bank counter.
"""
