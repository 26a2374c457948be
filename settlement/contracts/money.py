"""What is due, kept, paid out and forfeited, in fen. Pure: no rows, no clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from matching.units import BasisPoints, Fen, Kg, Lots, ReceiptId
from settlement.contracts.terms import EARNEST_CAP_BP

Bound = tuple[tuple[ReceiptId, Lots, Kg], ...]
Taken = tuple[tuple[ReceiptId, Lots], ...]


@dataclass(frozen=True, slots=True)
class Split:
    """What leaves the buyer's committed money when goods are exchanged; `kept` stays there.

    `unpaid` is what the buyer still owes, `penalty_left` what the seller does.
    """

    to_seller: Fen
    to_buyer: Fen
    fees: Fen
    kept: Fen
    unpaid: Fen
    penalty_left: Fen


def late_fee(outstanding: Fen, due: dt.datetime, now: dt.datetime, bp_per_day: BasisPoints) -> Fen:
    """Return the fee for paying late: each day begun after `due`, rounded down to the fen."""
    if now <= due:
        return 0
    days = -(-(now - due) // dt.timedelta(days=1))
    return outstanding * bp_per_day * days // 10_000


def split(
    *,
    committed: Fen,
    value: Fen,
    buyer_fee: Fen,
    seller_fee: Fen,
    kept: Fen,
    extra: Fen = 0,
    penalty: Fen = 0,
) -> Split:
    """Share out what the buyer has committed once goods of `value` are his.

    The seller gets value and `extra` (what the buyer owes beside it: for paying and collecting
    late) less its own fee, less `penalty` for what it did not deliver (set off, no more than its
    proceeds; the rest is left), less `kept`; the rest returns to the buyer. If the buyer has
    committed too little the seller's part falls short by `unpaid`.
    """
    buyer_fee = min(buyer_fee, committed)
    owed = value + extra
    unpaid = max(owed + buyer_fee - committed, 0)
    proceeds = owed - unpaid
    seller_fee = min(seller_fee, proceeds)
    proceeds -= seller_fee
    set_off = min(penalty, proceeds)
    proceeds -= set_off
    kept = min(kept, proceeds)
    fees = buyer_fee + seller_fee
    to_seller = proceeds - kept
    to_buyer = committed - fees - to_seller - kept
    return Split(to_seller, to_buyer, fees, kept, unpaid, penalty - set_off)


def penalty_fen(value: Fen, bp: BasisPoints) -> Fen:
    """Return the agreed penalty on the value of what was not performed, half up to the fen."""
    return (value * bp + 5_000) // 10_000


def earnest_fen(value: Fen, deposit: Fen) -> Fen:
    """Return the part of a deposit that counts as earnest money (民法典 art. 586: a fifth)."""
    return min(deposit, value * EARNEST_CAP_BP // 10_000)


def goods_out(bound: Bound, accepted_kg: Kg, lot_kg: Kg) -> tuple[Taken, Taken]:
    """Return (delivered, returned): which bound lots the accepted weight uses up.

    Loose goods go by the lot, a begun one counts. Where a receipt is one piece of its own weight
    it is used when the pieces before it do not make up the weight.
    """
    delivered, returned = [], []
    left = accepted_kg
    for receipt_id, lots, kg in bound:
        is_piece = lots == 1 and kg != lot_kg
        each = kg if is_piece else lot_kg
        used = min(lots, -(-left // each)) if left > 0 else 0
        left -= used * each
        if used:
            delivered.append((receipt_id, used))
        if lots > used:
            returned.append((receipt_id, lots - used))
    return tuple(delivered), tuple(returned)
