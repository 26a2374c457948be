"""Which rules are in force when: drafts, announcements, and the one version of an instant.

RULEBOOK C13 (电子商务法 art. 34): a change is shown for comment, published at least seven days
before it takes effect, and made by two people. A contract keeps the version of its own instant.
All of it inside the current venue's scope.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction

from exchange import reference
from exchange.models import Commodity, Delivery, Instrument, InstrumentStatus, User, Venue
from exchange.scope import current_venue_id
from settlement.limits import RULE_VERSIONS_SHOWN
from settlement.models import RuleState, RuleVersion
from settlement.quality.rules import read_rules
from settlement.quality.text import KEYS, RuleError, canonical, digest_of, key, rule_set
from settlement.quality.tolerance import read_tolerance

NOTICE: Final = dt.timedelta(days=7)
"""Least time between publication and effect (电子商务法 art. 34)."""
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


class VersionError(Exception):
    """Something was refused and changed nothing; `code` says why, `day` the earliest that goes."""

    def __init__(self, code: str, day: dt.date | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.day = day


def begins(day: dt.date) -> dt.datetime:
    """Return the first instant of a day on Shanghai's calendar."""
    return dt.datetime.combine(day, dt.time(), tzinfo=_SHANGHAI).astimezone(dt.UTC)


def shanghai_day(at: dt.datetime) -> dt.date:
    """Return the day on which an instant falls in Shanghai."""
    return at.astimezone(_SHANGHAI).date()


# Which version counts.


def find_in_force(commodity: Commodity, at: dt.datetime) -> RuleVersion | None:
    """Return the version that is in force at an instant, or None.

    Not the latest row: the published one whose day came last, at or before the instant.
    """
    published = RuleVersion.objects.filter(commodity=commodity, state=RuleState.PUBLISHED)
    return published.filter(effective_on__lte=shanghai_day(at)).order_by("-effective_on").first()


def in_force(commodity: Commodity, at: dt.datetime) -> RuleVersion:
    """Return the version that is in force at an instant.

    Raises `VersionError`: NO_RULES when there is none, RULES_DAMAGED when its text is not what was
    published. Both fail closed: nothing is listed, no contract opened.
    """
    found = find_in_force(commodity, at)
    if found is None:
        raise VersionError("NO_RULES")
    rules_of(found)
    return found


def rules_of(version: RuleVersion) -> dict[str, Any]:
    """Return a version's rule set as data; RULES_DAMAGED when the text is not the digest's."""
    if hashlib.sha256(version.text.encode()).hexdigest() != version.digest:
        raise VersionError("RULES_DAMAGED")
    rules: dict[str, Any] = json.loads(version.text)
    return rules


def before(version: RuleVersion) -> RuleVersion | None:
    """Return the published version that this one takes over from, or None for a first one."""
    published = RuleVersion.objects.filter(
        commodity_id=version.commodity_id, state=RuleState.PUBLISHED
    ).exclude(pk=version.pk)
    earlier = published.filter(effective_on__lt=version.effective_on)
    return earlier.order_by("-effective_on").first()


# Making one.


def check(commodity: Commodity, rules: Mapping[str, Any]) -> None:
    """Raise `RuleError` for the first thing that a rule set of this commodity must not say.

    Commodity and VAT rate are not the rules' to change: the tax code belongs to the commodity.
    """
    for name in rules:
        if name not in KEYS:
            raise RuleError("KEY_UNKNOWN", f"rules.{name}")
    read_rules(rules)
    read_tolerance(rules)
    if key(rules, "code", "rules") != commodity.code:
        raise RuleError("COMMODITY", "rules.code")
    if rules["vat_pct"] != commodity.vat_pct:
        raise RuleError("VAT_RATE", "rules.vat_pct")


@transaction.atomic
def take_in(venue: Venue, now: dt.datetime) -> list[RuleVersion]:
    """Give each commodity that the reference data brings to the current venue its version 1.

    Repeatable: a commodity that has any version is left alone.
    """
    assert venue.pk == current_venue_id()
    day = dt.date.fromisoformat(reference.fixture()["defaults"]["rules_effective_on"])
    made = []
    for commodity in reference.venue_commodities(venue):
        if RuleVersion.objects.filter(commodity=commodity).exists():
            continue
        rules = rule_set(commodity.parameters)
        check(commodity, rules)
        made.append(
            RuleVersion.objects.create(
                venue=venue,
                commodity=commodity,
                number=1,
                text=canonical(rules),
                digest=digest_of(rules),
                state=RuleState.PUBLISHED,
                effective_on=day,
                proposed_at=now,
                published_at=now,
            )
        )
    return made


@transaction.atomic
def draft(
    commodity: Commodity,
    rules: Mapping[str, Any],
    *,
    effective_on: dt.date,
    summary: str,
    by: User,
    now: dt.datetime,
    base: str = "",
) -> RuleVersion:
    """Write the commodity's draft, or write it anew; who wrote last is who proposes.

    `base` is the digest of the `starting_point` that was edited. Raises `RuleError`, or
    `VersionError`: REQUIRED or TOO_LONG for the summary, OTHER_RULES when somebody has written
    since, SAME for rules that are the ones to be replaced, and what `_check_day` says.
    """
    check(commodity, rules)
    if not summary.strip():
        raise VersionError("REQUIRED")
    if len(summary.strip()) > 200:
        raise VersionError("TOO_LONG")
    Commodity.objects.select_for_update().get(pk=commodity.pk)  # one number, one draft at a time
    if base and base != digest_of(starting_point(commodity)):
        raise VersionError("OTHER_RULES")
    versions = RuleVersion.objects.filter(commodity=commodity)
    _check_day(commodity, effective_on, now)
    found = versions.filter(state=RuleState.DRAFT).first()
    last = versions.order_by("-number").first()
    number = last.number + 1 if last is not None else 1
    one = found or RuleVersion(venue_id=current_venue_id(), commodity=commodity, number=number)
    one.text, one.digest = canonical(rules), digest_of(rules)
    one.state, one.effective_on = RuleState.DRAFT, effective_on
    one.summary, one.proposed_by, one.proposed_at = summary.strip(), by, now
    replaced = before(one)
    if replaced is not None and replaced.digest == one.digest:
        raise VersionError("SAME")
    one.save()
    return one


@transaction.atomic
def publish(
    version_id: int, *, digest: str, effective_on: dt.date, by: User, now: dt.datetime
) -> RuleVersion:
    """Publish the draft that was read: these rules, from this day. The second of two people does.

    Raises `VersionError`: UNKNOWN_RULES, RULES_STATE, SAME_PERSON, OTHER_RULES, and what
    `_check_day` says, because the days of notice run from now.
    """
    one = _locked(version_id)
    if one.state != RuleState.DRAFT:
        raise VersionError("RULES_STATE")
    if one.proposed_by_id == by.pk:
        raise VersionError("SAME_PERSON")
    if (one.digest, one.effective_on) != (digest, effective_on):
        raise VersionError("OTHER_RULES")
    check(one.commodity, rules_of(one))
    _check_day(one.commodity, one.effective_on, now)
    one.state, one.approved_by, one.published_at = RuleState.PUBLISHED, by, now
    one.save(update_fields=["state", "approved_by", "published_at"])
    return one


@transaction.atomic
def withdraw(version_id: int, *, why: str, by: User, now: dt.datetime) -> RuleVersion:
    """Give up a draft, or take back an announcement before its day.

    Raises `VersionError`: UNKNOWN_RULES, RULES_STATE, REQUIRED, TOO_LONG, RULES_IN_FORCE.
    """
    one = _locked(version_id)
    if one.state == RuleState.WITHDRAWN:
        raise VersionError("RULES_STATE")
    if not why.strip():
        raise VersionError("REQUIRED")
    if len(why.strip()) > 200:
        raise VersionError("TOO_LONG")
    if one.state == RuleState.PUBLISHED and now >= begins(one.effective_on):
        raise VersionError("RULES_IN_FORCE")
    one.state, one.withdrawn_by, one.withdrawn_at = RuleState.WITHDRAWN, by, now
    one.withdrawn_why = why.strip()
    one.save(update_fields=["state", "withdrawn_by", "withdrawn_at", "withdrawn_why"])
    return one


def _locked(version_id: int) -> RuleVersion:
    rows = RuleVersion.objects.select_related("commodity")
    found = rows.filter(pk=version_id).first()
    if found is None:
        raise VersionError("UNKNOWN_RULES")
    Commodity.objects.select_for_update().get(pk=found.commodity_id)
    return rows.select_for_update(of=("self",)).get(pk=version_id)


def earliest_day(commodity: Commodity, now: dt.datetime) -> dt.date:
    """Return the first day on which what is published now may take effect.

    The first rules of a commodity may be in force at once; later ones only after the days of
    notice, and after everything that has been announced: no version is undone by an older one.
    """
    published = RuleVersion.objects.filter(commodity=commodity, state=RuleState.PUBLISHED)
    last = published.order_by("-effective_on").first()
    if last is None:
        return shanghai_day(now)
    day = shanghai_day(now + NOTICE)
    if begins(day) < now + NOTICE:
        day += dt.timedelta(days=1)
    return max(day, last.effective_on + dt.timedelta(days=1))


def _check_day(commodity: Commodity, day: dt.date, now: dt.datetime) -> None:
    """Raise NOTICE with the earliest day that goes, or TOO_FAR with the latest."""
    earliest = earliest_day(commodity, now)
    if day < earliest:
        raise VersionError("NOTICE", earliest)
    if day > shanghai_day(now) + dt.timedelta(days=366):
        raise VersionError("TOO_FAR", shanghai_day(now) + dt.timedelta(days=366))


# Reads for screens.


@dataclass(frozen=True, slots=True)
class Shelf:
    """A commodity's versions at the current venue, as they stand at an instant."""

    commodity: Commodity
    in_force: RuleVersion | None
    announced: tuple[RuleVersion, ...]
    draft: RuleVersion | None
    is_needed: bool

    @property
    def is_gap(self) -> bool:
        """Whether goods are listed whose money these rules should decide, and there are none."""
        return self.is_needed and self.in_force is None


def shelves(venue: Venue, now: dt.datetime) -> list[Shelf]:
    """Return the shelves of all commodities that the venue lists, may list, or has rules of."""
    assert venue.pk == current_venue_id()
    live = Instrument.objects.exclude(status=InstrumentStatus.REFUSED)
    needed = set(live.filter(delivery=Delivery.ACCEPTANCE).values_list("commodity_id", flat=True))
    keys = {one.pk for one in reference.venue_commodities(venue)} | needed
    rows: dict[int, list[RuleVersion]] = {key: [] for key in keys}
    for row in RuleVersion.objects.select_related("commodity").order_by("effective_on"):
        rows.setdefault(row.commodity_id, []).append(row)
    today = shanghai_day(now)
    found = []
    for commodity in Commodity.objects.filter(pk__in=rows).order_by("code"):
        own = rows[commodity.pk]
        published = [one for one in own if one.state == RuleState.PUBLISHED]
        begun = [one for one in published if one.effective_on <= today]
        found.append(
            Shelf(
                commodity,
                begun[-1] if begun else None,
                tuple(one for one in published if one.effective_on > today),
                next((one for one in own if one.state == RuleState.DRAFT), None),
                commodity.pk in needed,
            )
        )
    return found


def find_version(code: str, number: int) -> RuleVersion | None:
    """Return a version of the current venue, or None."""
    rows = RuleVersion.objects.select_related("commodity", "proposed_by", "approved_by")
    return rows.filter(commodity__code=code, number=number).first()


def history(commodity: Commodity) -> list[RuleVersion]:
    """Return a commodity's versions, newest first."""
    rows = RuleVersion.objects.select_related("proposed_by", "approved_by", "withdrawn_by")
    return list(rows.filter(commodity=commodity).order_by("-number")[:RULE_VERSIONS_SHOWN])


def starting_point(commodity: Commodity) -> dict[str, Any]:
    """Return the rules that a new draft begins with: the draft, what is published last, or what
    the reference data says of a commodity that has none yet."""
    rows = RuleVersion.objects.filter(commodity=commodity)
    begun = rows.filter(state=RuleState.DRAFT).first()
    published = rows.filter(state=RuleState.PUBLISHED).order_by("-effective_on").first()
    found = begun or published
    return rules_of(found) if found is not None else rule_set(commodity.parameters)
