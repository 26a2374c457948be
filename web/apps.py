"""The web room's registration with Django."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages, sockets and the commands that start the product."""

    name = "web"
