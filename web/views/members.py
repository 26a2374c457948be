"""The operator's console: member firms, what they may enter, and who of them is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from exchange import decisions, queries, rulebook
from exchange.link import BlockingLink
from exchange.models import Membership, MembershipStatus, Role
from web import roles, words
from web.forms.operate import BanForm, ConfirmedForm, LimitsForm
from web.middleware import VenueRequest
from web.views.operate import REFUSED, console_frame, decided, say_halt


@roles.only(roles.OPERATE)
@require_GET
def firms(request: VenueRequest) -> HttpResponse:
    """Show the member firms."""
    context = console_frame(request, "firms") | {
        "rows": Membership.objects.select_related("firm").order_by("firm__code"),
        "banned": queries.banned_firms(),
    }
    return render(request, "operate/firms.html", context)


@roles.only(roles.OPERATE)
@require_http_methods(["GET", "POST"])
def membership(request: VenueRequest, code: str) -> HttpResponse:
    """Show one member firm: its membership, its limits, and who of it is banned from trading."""
    member = Membership.objects.select_related("firm").filter(firm__code=code.lower()).first()
    if member is None:
        raise Http404
    traders = queries.traders(member.firm)
    forms = {
        "status": ConfirmedForm.fresh(
            member.firm.code, halted="0" if member.status == MembershipStatus.SUSPENDED else "1"
        ),
        "ban": BanForm.fresh(member.firm.code, traders, halted="1"),
        "limits": LimitsForm.fresh(
            orders_per_s=member.orders_per_s,
            burst=member.burst,
            day_value=f"{member.day_value_fen // 100}.{member.day_value_fen % 100:02d}",
            self_match=member.self_match,
        ),
    }
    status = 200
    if request.method == "POST":
        name = request.POST.get("act", "status")
        if name not in forms:
            raise Http404
        if name == "status":
            forms[name] = ConfirmedForm(member.firm.code, request.POST)
        elif name == "ban":
            forms[name] = BanForm(member.firm.code, traders, request.POST)
        else:
            forms[name] = LimitsForm(request.POST)
        if _MEMBER_ACTS[name](request, member, forms[name]):
            return redirect("membership", venue=request.venue.code, code=member.firm.code)
        status = REFUSED
    bans = queries.bans(member.firm)
    people = {one.actor_id for one in bans} | {one.trader_id for one in bans}
    names = queries.usernames(people | {one.lifted_by_id or 0 for one in bans})
    context = console_frame(request, "firms") | {
        "member": member,
        "is_halted": member.status == MembershipStatus.SUSPENDED,
        "forms": forms,
        "bans": [
            {
                "ban": one,
                "trader": names.get(one.trader_id, ""),
                "by": names.get(one.actor_id, ""),
                "lifted_by": names.get(one.lifted_by_id or 0, ""),
                "form": BanForm.fresh(member.firm.code, traders, halted="0", trader=one.trader_id),
            }
            for one in bans
        ],
        "self_match": words.SELF_MATCH[member.self_match],
        "may_halt": request.seat.role == Role.OPERATOR,
    }
    return render(request, "operate/membership.html", context, status=status)


def _set_status(request: VenueRequest, member: Membership, form: Any) -> bool:
    """The operator suspends a membership, or ends the suspension."""
    if not decided(
        request,
        form,
        lambda link: rulebook.set_firm_status(
            membership=member, link=link, active=not form.wants_halt
        ),
        role=Role.OPERATOR,
    ):
        return False
    say_halt(request, form, member.firm.code.upper())
    return True


def _set_ban(request: VenueRequest, member: Membership, form: Any) -> bool:
    """Either person of the operator bans from trading, or asks for a ban to be lifted."""

    def decide(link: BlockingLink) -> None:
        given = form.cleaned_data
        who = {"membership": member, "trader_id": given["trader"], "reason": given["reason"]}
        if form.wants_halt:
            rulebook.ban(link=link, operator=request.user, **who)
        else:
            decisions.ask_lift(by=request.user, now=timezone.now(), **who)

    if not decided(request, form, decide):
        return False
    if form.wants_halt:
        say_halt(request, form, member.firm.code.upper())
    else:
        messages.success(request, _("已提请，待另一人复核。"))
    return True


def _set_limits(request: VenueRequest, member: Membership, form: Any) -> bool:
    """The operator lowers what a firm may enter, or asks for more."""
    asked = []

    def decide(link: BlockingLink) -> None:
        given = form.cleaned_data
        terms = {
            "orders_per_s": given["orders_per_s"],
            "burst": given["burst"],
            "day_value_fen": rulebook.yuan_to_fen(given["day_value"]),
            "self_match": given["self_match"],
        }
        if rulebook.is_tighter(member, terms):
            rulebook.tighten(membership=member, link=link, terms=terms)
            return
        reason, now = given["reason"], timezone.now()
        asked.append(
            decisions.ask_limits(
                membership=member, terms=terms, reason=reason, by=request.user, now=now
            )
        )

    if not decided(request, form, decide, role=Role.OPERATOR):
        return False
    messages.success(request, _("已提请，待另一人复核。") if asked else _("已记录。"))
    return True


_MEMBER_ACTS: Final[dict[str, Callable[[VenueRequest, Membership, Any], bool]]] = {
    "status": _set_status,
    "ban": _set_ban,
    "limits": _set_limits,
}
