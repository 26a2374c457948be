"""Which rails this installation has. The only place that knows their constructors."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from settlement.payments.bankfile.rail import BankfileRail
from settlement.payments.ledger_rail import LedgerRail
from settlement.payments.ports import PaymentAdapter
from settlement.payments.stripe_rail import StripeRail

_made: dict[str, PaymentAdapter] = {"ledger": LedgerRail(), "bankfile": BankfileRail()}


def current() -> PaymentAdapter:
    """Return the rail that new movements take (PAYMENT_RAIL)."""
    return rail(settings.PAYMENT_RAIL)


def rail(name: str) -> PaymentAdapter:
    """Return a rail by name; raise `KeyError` if there is none of that name."""
    if name == "stripe" and name not in _made:
        provide(
            StripeRail(
                settings.STRIPE_SECRET_KEY,
                webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
                currency=settings.STRIPE_CURRENCY,
                bank_transfer=settings.STRIPE_BANK_TRANSFER,
                address=settings.STRIPE_API,
                clock=timezone.now,
            )
        )
    return _made[name]


def provide(adapter: PaymentAdapter) -> None:
    """Use this adapter for its name from now on."""
    _made[adapter.name] = adapter
