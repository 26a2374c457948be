"""Where rails send their messages: verified, kept as they came, answered, looked into later."""

from __future__ import annotations

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from settlement.limits import NOTIFICATION_BYTES
from settlement.payments import inbox
from settlement.payments.ports import RailError

log = logging.getLogger(__name__)


@csrf_exempt  # it carries a signature of its own
@require_POST
def rail(request: HttpRequest, rail: str) -> HttpResponse:
    """Keep a rail's message; 400 if it is not the rail's, 413 if it is too large.

    A message of something that is not ours is answered, too: the rail would send it for days.
    """
    try:
        body = request.body
    except RequestDataTooBig:
        body = bytes(NOTIFICATION_BYTES + 1)
    if len(body) > NOTIFICATION_BYTES:
        return HttpResponse("TOO_LARGE", status=413, content_type="text/plain")
    try:
        kept = inbox.keep(rail, body, request.headers, timezone.now())
    except KeyError:
        raise Http404 from None
    except RailError as error:
        log.warning("message of rail %s refused: %s", rail, error)
        return HttpResponse(error.code, status=400, content_type="text/plain")
    return HttpResponse(f"{kept}", content_type="text/plain")
