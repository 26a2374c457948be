"""What a contract's parties may keep: its canonical text, the PDF drawn from it, the evidence."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from exchange.models import Role
from settlement import queries, receipt_files
from settlement.contracts import archive, exhibits, papers
from settlement.contracts.evidence import bundle
from settlement.contracts.terms import canonical
from settlement.models import ContractPaper, Exhibit, Obligation
from settlement.receipt_files import FileError
from web import roles, words
from web.documents import contract as document
from web.middleware import VenueRequest
from web.reasons import sentence

EXHIBIT_READERS: Final = roles.FIRM | roles.OPERATE | {Role.CLERK, Role.INSPECTOR}
"""Who opens files of evidence: the parties' people, and of the venue's who oversees or decides."""


class Download(StreamingHttpResponse):
    """A body sent chunk by chunk; Django would gather a synchronous one whole before sending it."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the next chunk when the one before has gone."""
        chunks = iter(self)
        while (chunk := await sync_to_async(_next)(chunks)) is not None:
            yield chunk


def _next(chunks: Iterator[bytes]) -> bytes | None:
    return next(chunks, None)


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


@roles.only(roles.FIRM, roles.OPERATE, Role.CLERK)
@require_GET
@cache_control(private=True, no_cache=True)
def evidence_zip(request: VenueRequest, trade_id: int) -> HttpResponse | Download:
    """Return the evidence and all files that were put forward, with the SHA-256 of the whole.

    It is written twice, once to be counted and once to be sent: a file that is not what was kept
    is found before a byte goes out.
    """
    contract = _visible(request, trade_id)
    if not contract.terms_sha256:
        raise Http404
    name = words.contract_number(request.venue, trade_id)
    told = canonical(bundle(contract, seen_by=request.seat.firm)).encode()
    rows = exhibits.of_contract(contract)

    def written() -> Iterator[bytes]:
        code = request.venue.code
        return archive.chunks(rows, code, bundle=told, bundle_name=f"{name}-evidence.json")

    size, sha256 = 0, hashlib.sha256()
    try:
        for chunk in written():
            size += len(chunk)
            sha256.update(chunk)
    except FileError as error:
        return _damaged(error)
    answer = Download(written(), content_type="application/zip")
    answer["Content-Length"] = str(size)
    answer["Content-Disposition"] = f'attachment; filename="{name}-evidence.zip"'
    answer["X-Content-SHA256"] = sha256.hexdigest()
    return answer


@roles.only(EXHIBIT_READERS)
@require_GET
@cache_control(private=True, no_cache=True)
def exhibit(request: VenueRequest, trade_id: int, number: int) -> HttpResponse:
    """Return one file of evidence: a picture to look at, a PDF as a download."""
    contract = _visible(request, trade_id)
    row = Exhibit.objects.filter(obligation=contract, number=number).first()
    if row is None:
        raise Http404
    try:
        body = receipt_files.read(request.venue.code, row.sha256)
    except FileError as error:
        return _damaged(error)
    place = "inline" if row.media_type == receipt_files.JPEG else "attachment"
    name = f"{words.contract_number(request.venue, trade_id)}-{exhibits.file_name(row)}"
    return HttpResponse(
        body,
        content_type=row.media_type,
        headers={
            "Content-Disposition": f'{place}; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "X-Content-SHA256": row.sha256,
        },
    )


def _damaged(error: FileError) -> HttpResponse:
    """Say that a kept file is lost or is not the same any more; the log has said it too."""
    said = f"{error.code} {sentence(error.code)}"
    return HttpResponse(said, content_type="text/plain; charset=utf-8", status=500)


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
