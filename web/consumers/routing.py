"""Paths of the sockets."""

from django.urls import path

from web.consumers.sockets import MemberSocket, PublicSocket

urlpatterns = [
    path("ws/<slug:venue>/", MemberSocket.as_asgi()),
    path("ws/<slug:venue>/public/", PublicSocket.as_asgi()),
]
