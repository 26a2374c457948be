"""Seeds the demo: rows first, then commands with fixed ids, so that a repeat changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from exchange import queries, reference, rulebook, scope
from exchange.link import BlockingLink
from exchange.models import (
    Approval,
    Delivery,
    Firm,
    Instrument,
    Membership,
    Seat,
    User,
    Venue,
    Warehouse,
)
from settlement import accounts, funds, outbox, receipts
from settlement.models import FundsState
from settlement.quality import listing, versions
from settlement.queries import account_of
from web.demo import cast
from web.demo.papers import papers

MATCHED_VENUE = "qldz"
DEPOSIT_FEN = 300_000_000_00
RECEIPTS_PER_PRODUCT = 2


@transaction.atomic
def rows() -> list[Venue]:
    """Write venues, people and seats; repeatable."""
    venues = reference.load()
    secret = make_password(cast.PASSWORD)
    for venue in venues:
        Venue.objects.filter(pk=venue.pk).update(always_open=True)
        with scope.venue(venue.pk):
            versions.take_in(venue, timezone.now())
        people = cast.venue_people(venue.code)
        members = Membership.objects.across_venues().select_related("firm").filter(venue=venue)
        for member in members:
            people += cast.firm_people(venue.code, member.firm.code)
        for person in people:
            user, _ = User.objects.get_or_create(
                username=person.username,
                defaults={"password": secret, "name_zh": person.name_zh},
            )
            firm = Firm.objects.get(code=person.firm) if person.firm else None
            Seat.objects.across_venues().get_or_create(
                venue=venue, user=user, defaults={"firm": firm, "role": person.role}
            )
    return list(Venue.objects.all())


def commands(link: BlockingLink, today: dt.date, say: Callable[[str], None]) -> None:
    """Admit firms, list instruments, bring in money and goods, through the running venues."""
    for venue in Venue.objects.all():
        with scope.venue(venue.id):
            firms = [m.firm for m in Membership.objects.select_related("firm").order_by("pk")]
            for firm in firms:
                rulebook.admit_firm(venue=venue, firm=firm, link=link)
            listed = _instruments(venue, link, today)
            for firm in firms:
                _account(venue, firm)
            _money_and_goods(venue, firms, listed, link)
            accepted = _accepted(venue, link, today)
            _goods_to_accept(venue, firms, accepted, link)
            say(f"{venue.code}: {len(firms)} firms, {len(listed) + len(accepted)} instruments")


def _instruments(venue: Venue, link: BlockingLink, today: dt.date) -> list[Instrument]:
    """List the venue's commodities: matched at QLDZ under a record marked 演示, else listed."""
    matched = venue.code == MATCHED_VENUE
    approval = _approval(venue) if matched else None
    operator = User.objects.get(username=f"{venue.code}-operator")
    listed = []
    for commodity in reference.venue_commodities(venue):
        warehouse = Warehouse.objects.get(code=commodity.parameters["delivery"]["warehouses"][0])
        terms = rulebook.suggested_terms(
            commodity, warehouse, "matched" if matched else "listed", approval
        )
        listed.append(
            listing.list_instrument(
                venue=venue,
                operator=operator,
                link=link,
                terms=terms,
                today=today,
                now=timezone.now(),
                before=Instrument.objects.filter(code=terms.code).first(),
            )
        )
    return listed


def _accepted(venue: Venue, link: BlockingLink, today: dt.date) -> list[Instrument]:
    """List again, by posting and lifting, what is weighed and inspected before it is paid."""
    operator = User.objects.get(username=f"{venue.code}-operator")
    listed = []
    for commodity in reference.venue_commodities(venue):
        cover_bp = cast.ACCEPTED.get(commodity.code)
        if cover_bp is None:
            continue
        warehouse = Warehouse.objects.get(code=commodity.parameters["delivery"]["warehouses"][0])
        terms = rulebook.suggested_terms(commodity, warehouse, "listed")
        terms = replace(
            terms,
            code=f"{terms.code}-YS",
            name_zh=f"{terms.name_zh} 验收",
            name_en=f"{terms.name_en}, accepted" if terms.name_en else "",
            delivery=Delivery.ACCEPTANCE,
            cover_bp=cover_bp,
        )
        listed.append(
            listing.list_instrument(
                venue=venue,
                operator=operator,
                link=link,
                terms=terms,
                today=today,
                now=timezone.now(),
                before=Instrument.objects.filter(code=terms.code).first(),
            )
        )
    return listed


def _approval(venue: Venue) -> Approval:
    operator = User.objects.get(username=f"{venue.code}-operator")
    reviewer = User.objects.get(username=f"{venue.code}-reviewer")
    number = "演示批字〔2026〕1号"
    found = Approval.objects.filter(number=number).first()
    if found is None:
        found = rulebook.record_approval(
            venue=venue,
            operator=operator,
            number=number,
            authority="演示主管部门",
            opinion="演示法律意见书",
            scope=[one.code for one in reference.venue_commodities(venue)],
            valid_from=dt.date(2026, 1, 1),
            valid_to=dt.date(2036, 12, 31),
            is_demo=True,
        )
    if found.activated_by_id is None:
        rulebook.activate_approval(approval=found, reviewer=reviewer)
        found.refresh_from_db()
    return found


def _account(venue: Venue, firm: Firm) -> None:
    """Bind the firm's own account: its finance user asks, the venue's clerk agrees.

    On Stripe's side the account has to be there already, as the double has it.
    """
    if account_of(firm, settings.PAYMENT_RAIL) is not None:
        return
    now = timezone.now()
    is_stripe = settings.PAYMENT_RAIL == "stripe"
    account = accounts.propose(
        venue=venue,
        firm=firm,
        payout=f"acct_demo{firm.code}" if is_stripe else f"6222{firm.pk:012d}",
        bank_code="" if is_stripe else "102451000012",
        by=User.objects.get(username=f"{firm.code}-finance"),
        now=now,
    )
    clerk = User.objects.get(username=f"{venue.code}-clerk")
    accounts.agree(account.pk, by=clerk, agreed=True, now=now)


def _money_and_goods(
    venue: Venue, firms: list[Firm], listed: list[Instrument], link: BlockingLink
) -> None:
    by_commodity = {one.commodity.code: one for one in listed}
    keeper = User.objects.get(username=f"{venue.code}-warehouse")
    for firm in firms:
        finance = User.objects.get(username=f"{firm.code}-finance")
        movement = funds.deposit(
            venue=venue,
            firm=firm,
            amount_fen=DEPOSIT_FEN,
            op_id=f"demo:cash:{firm.code}",
            by=finance,
            rail_name="ledger",
        )
        if movement.state == FundsState.AWAITING:
            checker = User.objects.get(username=f"{firm.code}-checker")
            funds.check(movement.pk, firm=firm, by=checker, agreed=True, now=timezone.now())
        for code, side in cast.sides(list(by_commodity), firm.code):
            if side != "sell":
                continue
            instrument = by_commodity[code]
            for number in range(RECEIPTS_PER_PRODUCT if not instrument.piece_max_kg else 40):
                _store(firm, instrument, number, f"demo:goods:{firm.code}:{code}", "", keeper)
    while outbox.dispatch(link):
        pass


def _goods_to_accept(
    venue: Venue, firms: list[Firm], listed: list[Instrument], link: BlockingLink
) -> None:
    """Give the sellers one receipt (of pieces five) of what is delivered and accepted."""
    keeper = User.objects.get(username=f"{venue.code}-warehouse")
    for firm in firms:
        for instrument in listed:
            code = instrument.commodity.code
            if code not in cast.SELLS.get(firm.code, ()):
                continue
            for number in range(1 if not instrument.piece_max_kg else 5):
                _store(firm, instrument, number, f"demo:accept:{firm.code}:{code}", "YS", keeper)
    while outbox.dispatch(link):
        pass


def _store(
    firm: Firm, instrument: Instrument, number: int, op_id: str, mark: str, keeper: User
) -> None:
    """Register one pile; repeated it is the same."""
    lots, weight_kg = pile(instrument, number)
    now = timezone.now()
    place = f"{mark}{number + 1:02d}" if mark else f"{number + 1:03d}"
    receipts.register(
        venue=instrument.venue,
        firm=firm,
        instrument=instrument,
        warehouse=instrument.warehouse,
        lots=lots,
        weight_kg=weight_kg,
        op_id=f"{op_id}:{number}",
        by=keeper,
        lot_reference=f"{firm.code.upper()}-{instrument.commodity.code}-{place}",
        papers=papers(firm, instrument, timezone.localdate(now)),
        now=now,
    )


def pile(instrument: Instrument, number: int) -> tuple[int, int]:
    """Return (lots, kg) of a demo receipt: a pile of ten maximum orders, or one piece."""
    if instrument.piece_max_kg:
        spread = instrument.piece_max_kg - instrument.piece_min_kg
        return 1, instrument.piece_min_kg + number * 137 % (spread + 1)
    lots = instrument.min_lots * 40 // instrument.step_lots * instrument.step_lots
    return lots, lots * instrument.lot_kg


def everything_listed() -> bool:
    """Say whether the projections have seen all instruments of all venues."""
    for venue in Venue.objects.all():
        with scope.venue(venue.id):
            if len(queries.listed_instruments()) < len(reference.venue_commodities(venue)):
                return False
    return True
