"""Log-in: users are made by operators, so signing up is closed."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What allauth asks of us."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up."""
        return False

    def logout(self, request: HttpRequest) -> None:
        """Log out, and close the sockets that the session had opened."""
        user_id = request.user.pk
        super().logout(request)
        if user_id is not None:
            revoke(user_id)


def revoke(user_id: int) -> None:
    """Close every socket of a user, on every web process."""
    layer = get_channel_layer()
    assert layer is not None
    async_to_sync(layer.group_send)(f"user-{user_id}", {"type": "revoked"})
