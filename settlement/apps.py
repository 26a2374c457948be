"""The settlement room's registration with Django."""

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    """Ledger, receipts, obligations and payments."""

    name = "settlement"
    default_auto_field = "django.db.models.BigAutoField"
