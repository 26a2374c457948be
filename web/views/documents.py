"""What a contract's parties may keep: its canonical text, the PDF drawn from it, the evidence."""

from __future__ import annotations

import hashlib

from django.http import Http404, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from exchange.models import Role
from settlement import queries
from settlement.contracts import papers
from settlement.contracts.evidence import bundle
from settlement.contracts.terms import canonical
from settlement.models import ContractPaper, Obligation
from web import roles, words
from web.documents import contract as document
from web.middleware import VenueRequest


@roles.only(roles.FIRM, roles.OPERATE, roles.HANDLE)
@require_GET
@cache_control(private=True, no_cache=True)
def paper(request: VenueRequest, trade_id: int) -> HttpResponse:
    """Return the contract's canonical text, whose SHA-256 both parties have signed."""
    kept = _kept(request, trade_id)
    return _file(request, trade_id, ".json", kept.text.encode())


@roles.only(roles.FIRM, roles.OPERATE, roles.HANDLE)
@require_GET
@cache_control(private=True, no_cache=True)
def pdf(request: VenueRequest, trade_id: int) -> HttpResponse:
    """Return the contract as PDF: the Chinese text, or with `?lang=en` its translation.

    The language is asked for, not the reader's own, so that everybody's file has the same bytes.
    """
    language = request.GET.get("lang", "zh")
    kept = _kept(request, trade_id)
    if language not in document.LANGUAGES or not document.is_drawable(kept):
        raise Http404
    drawn = document.pdf(kept, papers.signatures(kept), language)
    return _file(request, trade_id, "-en.pdf" if language == "en" else ".pdf", drawn)


@roles.only(roles.FIRM, roles.OPERATE, Role.CLERK)
@require_GET
@cache_control(private=True, no_cache=True)
def evidence(request: VenueRequest, trade_id: int) -> HttpResponse:
    """Return everything about the contract in one file, with its SHA-256 in the answer."""
    contract = _visible(request, trade_id)
    if not contract.terms_sha256:
        raise Http404
    told = canonical(bundle(contract, seen_by=request.seat.firm))
    return _file(request, trade_id, "-evidence.json", told.encode())


def _visible(request: VenueRequest, trade_id: int) -> Obligation:
    found = queries.contract(request.seat.firm, trade_id)
    if found is None:
        raise Http404
    return found.obligation


def _kept(request: VenueRequest, trade_id: int) -> ContractPaper:
    kept = papers.find(_visible(request, trade_id))
    if kept is None:
        raise Http404
    return kept


def _file(request: VenueRequest, trade_id: int, ending: str, content: bytes) -> HttpResponse:
    kind = "application/pdf" if ending.endswith("pdf") else "application/json; charset=utf-8"
    answer = HttpResponse(content, content_type=kind)
    name = words.contract_number(request.venue, trade_id)
    answer["Content-Disposition"] = f'attachment; filename="{name}{ending}"'
    answer["X-Content-SHA256"] = hashlib.sha256(content).hexdigest()
    return answer
