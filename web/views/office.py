"""A firm's own pages: funds, receipts, orders."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.db import models
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange import queries as market
from exchange.link import BlockingLink
from exchange.models import Firm, Instrument, OrderRow, Role, TradeRow
from matching.limits import HOLDERS_PER_ROOT
from settlement import accounts as own_accounts
from settlement import (
    endorsements,
    expiry,
    freezes,
    outbox,
    queries,
    set_aside,
    shelf_life,
    splits,
    storage,
)
from settlement import funds as money
from settlement import receipts as goods
from settlement.limits import UNCHECKED_FEN
from settlement.models import FundsMovement, FundsState, HoldKind, Receipt, ReceiptState
from settlement.models.hold import LIVE
from settlement.payments import rails
from web import display, roles
from web.forms.funds import CheckForm, MovementForm
from web.forms.payments import AccountForm, RowForm
from web.forms.receipts import CollectForm, SplitForm
from web.limits import PAGE_ROWS
from web.middleware import VenueRequest
from web.reasons import sentence
from web.views.receipts import papers_of

REFUSED: Final = 422
"""Status of a page that shows a form again because what was typed cannot be done."""
_PENDING: Final = (FundsState.REQUESTED, FundsState.SENT)


# Funds.


@roles.only(roles.FIRM)
@require_http_methods(["GET", "POST"])
def funds(request: VenueRequest) -> HttpResponse:
    """Show the firm's money; its finance user pays in and takes out."""
    firm = _firm(request)
    may_move = request.seat.role == Role.FINANCE
    forms = {act: MovementForm.fresh(act=act) for act in ("in", "out")}
    status = 200
    if request.POST.get("act") == "check":
        if not may_move:
            raise Http404
        _check(request, firm)
        return redirect("funds", venue=request.venue.code)
    account_form = AccountForm.fresh()
    if request.POST.get("act") in ("account", "close"):
        if not may_move:
            raise Http404
        account_form = AccountForm(request.POST)
        if _bind(request, firm, account_form):
            return redirect("funds", venue=request.venue.code)
        status = REFUSED
    elif request.method == "POST":
        if not may_move:
            raise Http404
        form = MovementForm(request.POST)
        if form.is_valid() and _move(request, firm, form):
            return redirect("funds", venue=request.venue.code)
        forms["out" if form.data.get("act") == "out" else "in"] = form
        status = REFUSED
    for act, form in forms.items():
        form.auto_id = f"{act}_%s"  # two forms of one kind on the page
    account_form.auto_id = "account_%s"
    account = queries.account_of(firm, settings.PAYMENT_RAIL)
    is_live = account is not None and account.state in own_accounts.LIVE
    movements = queries.movements(firm)
    context = {
        "funds": market.funds(firm.pk),
        "statement": queries.statement(firm),
        "movements": [(one, sentence(one.refusal) if one.refusal else "") for one in movements],
        "checks": [
            (one, CheckForm.fresh(movement=one.pk))
            for one in movements
            if may_move and one.state == FundsState.AWAITING
        ],
        "freezes": [one for one in freezes.live(firm) if one.state != "asked"],
        "account": account,
        "account_refusal": sentence(account.refusal) if account and account.refusal else "",
        "account_form": account_form
        if may_move and (account_form.is_bound or not is_live)
        else None,
        "close_form": RowForm.fresh(row=account.pk) if account and is_live else None,
        "is_push": rails.current().capabilities().is_push,
        "unchecked_fen": UNCHECKED_FEN,
        "is_pending": any(one.state in _PENDING for one in movements)
        or (account is not None and account.state == "opening"),
        "may_move": may_move,
        "form_in": forms["in"],
        "form_out": forms["out"],
    }
    return render(request, "office/funds.html", context, status=status)


def _move(request: VenueRequest, firm: Firm, form: MovementForm) -> bool:
    """Ask for the movement; False when it was refused, which the form then says."""
    is_deposit = form.cleaned_data["act"] == "in"
    op_id = form.operation("in" if is_deposit else "out")
    act = money.deposit if is_deposit else money.withdraw
    try:
        movement: FundsMovement = act(
            venue=request.venue,
            firm=firm,
            amount_fen=form.cleaned_data["amount"],
            op_id=op_id,
            by=request.user,
        )
    except money.FundsError as error:
        form.refuse(error.code, "amount")
        return False
    _dispatch()
    movement.refresh_from_db()
    if movement.state == FundsState.FAILED:
        form.refuse(movement.refusal, "amount")
        return False
    messages.success(request, _("已受理，进度见出入金记录。"))
    return True


def _bind(request: VenueRequest, firm: Firm, form: AccountForm) -> bool:
    """Ask for an account to be bound, or give one up; False when the form has to say why not."""
    if request.POST["act"] == "close":
        closing = RowForm(request.POST)
        if not closing.is_valid():
            raise Http404
        try:
            own_accounts.close(closing.cleaned_data["row"], firm=firm)
        except own_accounts.AccountError as error:
            raise Http404 from error
        return True
    if not form.is_valid():
        return False
    try:
        own_accounts.propose(
            venue=request.venue,
            firm=firm,
            payout=form.cleaned_data["payout"],
            bank_code=form.cleaned_data["bank_code"],
            by=request.user,
            now=timezone.now(),
        )
    except own_accounts.AccountError as error:
        form.refuse(error.code, "payout")
        return False
    messages.success(request, _("已提交，待结算员核对。"))
    return True


def _check(request: VenueRequest, firm: Firm) -> None:
    """Agree to a withdrawal that waits, or decline it."""
    form = CheckForm(request.POST)
    if not form.is_valid():
        raise Http404
    agreed = form.cleaned_data["agreed"] == "yes"
    try:
        money.check(
            form.cleaned_data["movement"],
            firm=firm,
            by=request.user,
            agreed=agreed,
            now=timezone.now(),
        )
    except money.FundsError as error:
        if error.code == "UNKNOWN_MOVEMENT":
            raise Http404 from error
        messages.error(request, sentence(error.code))
        return
    _dispatch()
    messages.success(request, _("已复核。") if agreed else _("已退回。"))


def _dispatch() -> None:
    """Send what waits now; what the engine does not answer is sent later by the follower."""
    with BlockingLink(settings.ENGINE_LINK) as link:
        outbox.dispatch(link)


# Receipts.


@roles.only(roles.FIRM)
@require_GET
def receipts(request: VenueRequest) -> HttpResponse:
    """Show the firm's warehouse receipts with what is free, held by offers and under contract."""
    firm = _firm(request)
    held = set_aside.held_lots(firm.pk)
    rows = [_parts(one, held) for one in queries.receipts(firm)]
    today = timezone.localdate()
    days = expiry.last_days([row["receipt"].root_id for row in rows])
    on = set_aside.kinds_on([row["receipt"].pk for row in rows])
    for row in rows:
        last = days.get(row["receipt"].root_id)
        is_near = last is not None and shelf_life.is_expiring(last, today=today)
        row["last_day"] = last if is_near else None
        row["holds"] = on.get(row["receipt"].pk, [])
    context = {
        "rows": rows,
        "today": today,
        "near": [row for row in rows if row["last_day"]],
        "may_collect": request.seat.role == Role.DELIVERY,
        "is_pending": any(row["receipt"].state == "applied" for row in rows),
    }
    return render(request, "office/receipts.html", context)


@roles.only(roles.FIRM)
@require_http_methods(["GET", "POST"])
def receipt(request: VenueRequest, receipt_id: int) -> HttpResponse:
    """Show one receipt and its history; the delivery user collects from it, or asks to split it."""
    firm = _firm(request)
    found = (
        Receipt.objects.select_related(
            "instrument__commodity", "warehouse", "venue", "registered_by"
        )
        .filter(pk=receipt_id, owner=firm)
        .first()
    )
    if found is None:
        raise Http404
    may_collect = request.seat.role == Role.DELIVERY
    parts = _parts(found, set_aside.held_lots(firm.pk))
    form, split_form = CollectForm.fresh(found.instrument), SplitForm.fresh(found.instrument)
    status = 200
    if request.method == "POST" and not may_collect:
        raise Http404
    if request.POST.get("act") == "split":
        split_form = SplitForm(found.instrument, request.POST)
        if split_form.is_valid() and _ask_split(request, firm, found, split_form):
            return redirect("receipt", venue=request.venue.code, receipt_id=found.pk)
        status = REFUSED
    elif request.method == "POST":
        form = CollectForm(found.instrument, request.POST)
        if form.is_valid() and _collect(request, firm, found, form):
            return redirect("receipt", venue=request.venue.code, receipt_id=found.pk)
        status = REFUSED
    split_form.auto_id = "split_%s"
    holds = set_aside.history(found, firm.pk)
    is_open = any(one.kind == HoldKind.SPLIT and one.state in LIVE for one in holds)
    is_divisible = not found.instrument.piece_max_kg and found.state == ReceiptState.REGISTERED
    context = {
        **parts,
        **papers_of(found, today=timezone.localdate()),
        "holds": [(one, sentence(one.refusal) if one.refusal else "") for one in holds],
        "split_form": split_form if may_collect and is_divisible and not is_open else None,
        "storage": _storage(found),
        "holders": storage.holders(found.root_id),
        "holders_most": HOLDERS_PER_ROOT,
        "transfers": endorsements.held_by(found),
        "is_unsigned": endorsements.is_unsigned(found),
        "changes": found.changes.order_by("at", "key"),
        "parent": f"{found.venue.code.upper()}-R-{found.parent_id:06d}" if found.parent_id else "",
        "form": form,
        "may_collect": may_collect and parts["free_lots"] > 0,
    }
    return render(request, "office/receipt.html", context, status=status)


def _storage(receipt: Receipt) -> dict[str, Any]:
    """Return the storage terms of a receipt and what they have come to for its holder."""
    terms = storage.Terms.read(receipt.instrument.commodity.parameters)
    return {
        "fee": f"{terms.fee_yuan_per_t_day:f}",
        "free_days": terms.free_days,
        "loss": f"{terms.natural_loss_pct:f}",
        "accrued": display.money(storage.accrued_until(receipt, terms, now=timezone.now())),
    }


def _collect(request: VenueRequest, firm: Firm, receipt: Receipt, form: CollectForm) -> bool:
    op_id = form.operation("collect")
    lots = form.cleaned_data["quantity"]
    try:
        goods.collect(firm=firm, receipt_id=receipt.pk, lots=lots, op_id=op_id)
    except goods.ReceiptError as error:
        form.refuse(error.code, "quantity")
        return False
    _dispatch()
    refusal = outbox.refusal_of(op_id)
    if refusal:
        form.refuse(refusal, "quantity", (), receipt.instrument)
        return False
    messages.success(request, _("提货已受理，请凭本单到仓库办理出库。"))
    return True


def _ask_split(request: VenueRequest, firm: Firm, receipt: Receipt, form: SplitForm) -> bool:
    """Ask the keeper to split the receipt; False when that was refused, which the form says."""
    try:
        splits.ask(
            venue=request.venue,
            firm=firm,
            receipt_id=receipt.pk,
            lots=form.cleaned_data["quantity"],
            op_id=str(form.cleaned_data["op_id"]),
            by=request.user,
            now=timezone.now(),
        )
    except set_aside.HoldError as error:
        instrument = receipt.instrument
        least = (form.cleaned_data["quantity"], instrument.min_lots)
        step = (form.cleaned_data["quantity"], instrument.step_lots)
        values = {"BELOW_MINIMUM": least, "QUANTITY_STEP": step}.get(error.code, ())
        form.refuse(error.code, "quantity", values, instrument)
        return False
    messages.success(request, _("已提交，待仓库同意。"))
    return True


def _parts(receipt: Receipt, held: dict[int, int]) -> dict[str, Any]:
    held_lots = held.get(receipt.pk, 0)
    return {
        "receipt": receipt,
        "root": f"{receipt.venue.code.upper()}-R-{receipt.root_id:06d}",
        "held_lots": held_lots,
        "free_lots": max(receipt.lots - receipt.locked_lots - held_lots, 0)
        if receipt.state != ReceiptState.ASIDE
        else 0,
    }


# Orders and trades.


@roles.only(roles.FIRM)
@require_GET
def orders(request: VenueRequest) -> HttpResponse:
    """Show the firm's orders or trades of one day, newest first, a page at a time."""
    firm = _firm(request)
    day = _asked_day(request)
    start = timezone.make_aware(dt.datetime.combine(day, dt.time()))
    end = start + dt.timedelta(days=1)
    number = _page_number(request)
    shows_trades = request.GET.get("list") == "trades"
    rows: Any
    if shows_trades:
        mine = models.Q(buyer_firm_id=firm.pk) | models.Q(seller_firm_id=firm.pk)
        rows = TradeRow.objects.filter(mine, traded_at__gte=start, traded_at__lt=end)
        rows = rows.order_by("-trade_id")
    else:
        rows = OrderRow.objects.filter(firm_id=firm.pk, entered_at__gte=start, entered_at__lt=end)
        rows = rows.order_by("-order_id")
    found = list(rows[(number - 1) * PAGE_ROWS : number * PAGE_ROWS + 1])
    page = found[:PAGE_ROWS]
    instruments = Instrument.objects.in_bulk({row.instrument_id for row in page})
    today = timezone.localdate()
    context = {
        "rows": [(row, instruments[row.instrument_id]) for row in page],
        "shows_trades": shows_trades,
        "firm_id": firm.pk,
        "day": day,
        "before": day - dt.timedelta(days=1),
        "after": day + dt.timedelta(days=1) if day < today else None,
        "page_number": number,
        "has_next": len(found) > PAGE_ROWS,
    }
    return render(request, "office/orders.html", context)


def _asked_day(request: VenueRequest) -> dt.date:
    today = timezone.localdate()
    try:
        day = dt.date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return today
    return day if dt.date(2020, 1, 1) <= day <= today else today


def _page_number(request: VenueRequest) -> int:
    text = request.GET.get("page", "1")
    is_number = text.isascii() and text.isdecimal() and len(text) <= 6
    return max(int(text), 1) if is_number else 1


def _firm(request: VenueRequest) -> Firm:
    assert request.seat.firm is not None, "roles.FIRM have a firm"
    return request.seat.firm
