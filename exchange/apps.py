"""The exchange room's registration with Django."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """Venues, firms, instruments, journal and feeds."""

    name = "exchange"
    default_auto_field = "django.db.models.BigAutoField"
