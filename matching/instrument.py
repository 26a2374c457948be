"""An instrument inside the engine: its terms, its phase and its book."""

from __future__ import annotations

from matching.book import Book
from matching.commands import DefineInstrument, Mode, Phase, ResaleLock
from matching.events import RejectReason
from matching.orders import Order
from matching.units import MAX_INT, BasisPoints, Fen, Kg, Lots, Micros, OrderId, Ticks


class Instrument:
    """Terms as `DefineInstrument` gave them; reference, band, phase and halt as they are now."""

    __slots__ = (
        "asks",
        "bids",
        "book",
        "call_until_us",
        "covered",
        "fee_bp",
        "halted",
        "has_lock",
        "high_ticks",
        "indicate_us",
        "indicated",
        "instrument_id",
        "is_exact",
        "is_matched",
        "is_plain",
        "last_ticks",
        "lot_tick_fen",
        "low_ticks",
        "max_lots",
        "max_units",
        "min_lots",
        "phase",
        "product_id",
        "reference_ticks",
        "step_lots",
        "stops",
        "suspended",
        "terms",
        "tick_cover",
        "tolerance",
        "warn_high_ticks",
        "warn_low_ticks",
    )

    def __init__(self, terms: DefineInstrument) -> None:
        self.terms = terms
        self.instrument_id = terms.instrument_id
        self.product_id = terms.product_id or -terms.instrument_id
        self.is_matched = terms.mode == Mode.MATCHED
        self.has_lock = terms.resale_lock == ResaleLock.PRODUCT_T5_SYMMETRIC
        self.set_reference(terms.reference_ticks, terms.low_ticks, terms.high_ticks)
        self.phase = Phase.CLOSED
        self.halted = False
        self.last_ticks: Ticks = 0
        # A call that the engine began and will end itself; 0: the operator's.
        self.call_until_us: Micros = 0
        self.indicate_us: Micros = 0
        self.indicated: tuple[Ticks, Lots, int] = (0, 0, 0)
        # What one tick of the heaviest lot is worth: what a buyer must be able to pay for. Exact,
        # as `wrong_terms` asks for whole fen.
        heaviest_kg: Kg = terms.piece_max_kg or terms.lot_kg
        self.lot_tick_fen: Fen = terms.tick_fen_per_t * heaviest_kg // 1000
        self.tolerance: BasisPoints = 10_000 + terms.plus_tolerance_bp
        self.covered = terms.cover_bp * self.tolerance
        self.fee_bp: BasisPoints = terms.buyer_fee_bp
        self.min_lots, self.max_lots, self.step_lots = (
            terms.min_lots,
            terms.max_lots,
            terms.step_lots,
        )
        # Price in ticks x lots that one order may be worth at most.
        self.max_units = terms.max_value_fen // self.lot_tick_fen
        # Where all pieces weigh the same and one tick of one lot gives whole fen before the fee's
        # division, a hold is `units x tick_cover // 10,000`: a quarter of `hold_fen`'s work.
        covered, rest = divmod(self.lot_tick_fen * self.covered, 100_000_000)
        base, part = divmod(self.lot_tick_fen * self.tolerance, 10_000)
        self.tick_cover = covered * 10_000 + base * self.fee_bp
        self.is_exact = not rest and not part and not terms.piece_max_kg
        self.book = Book()
        self.bids, self.asks = self.book.bids, self.book.asks  # a step nearer, for the hot path
        # Stop orders that wait, and orders that a resale lock keeps out, in order of arrival.
        self.stops: dict[OrderId, Order] = {}
        self.suspended: dict[OrderId, Order] = {}
        # Whether orders need no look at phase, halt, mode, day quantity or fractions of fen.
        self.is_plain = False

    def note_standing(self) -> None:
        """Recompute what follows from phase and halt, after a change of either."""
        in_call = self.phase is Phase.CALL
        for side in (self.bids, self.asks):
            if in_call is (side.groups is None):
                side.count_groups(wanted=in_call)
        self.is_plain = (
            self.phase is Phase.CONTINUOUS
            and not self.halted
            and self.is_matched
            and not self.terms.max_day_lots
            and self.is_exact
        )

    def set_reference(self, reference_ticks: Ticks, low_ticks: Ticks, high_ticks: Ticks) -> None:
        """Set reference and band; prices in the outer half of the band are warned of."""
        self.reference_ticks = reference_ticks
        self.low_ticks = low_ticks
        self.high_ticks = high_ticks
        self.warn_low_ticks = reference_ticks - (reference_ticks - low_ticks) // 2
        self.warn_high_ticks = reference_ticks + (high_ticks - reference_ticks) // 2

    def dynamic_band(self) -> tuple[Ticks, Ticks]:
        """Return the lowest and highest price of the next trade, both allowed."""
        base = self.last_ticks or self.reference_ticks
        away = base * self.terms.dynamic_bp // 10_000
        return base - away, base + away

    def largest_value_fen(self, price_ticks: Ticks, lots: Lots) -> Fen:
        """Return the value of `lots` at `price_ticks` if every piece is as heavy as may be."""
        return price_ticks * lots * self.lot_tick_fen

    def need_fen(self, price_ticks: Ticks, lots: Lots) -> Fen:
        """Return the cash that a buy order with `lots` open at `price_ticks` holds."""
        return self.hold_fen(price_ticks * lots * self.lot_tick_fen)

    def hold_fen(self, value: Fen) -> Fen:
        """Return `units.hold_fen` of `value` for these terms, written out for speed."""
        return (
            -(-value * self.covered // 100_000_000)
            + value * self.tolerance // 10_000 * self.fee_bp // 10_000
        )


def wrong_terms(terms: DefineInstrument) -> tuple[RejectReason, tuple[int, ...]] | None:
    """Return why an instrument with these terms cannot be admitted, or None.

    `PARAMETERS` names the first wrong field by its position in `DefineInstrument`, from 0.
    """
    at_least_one = (
        (0, terms.instrument_id),
        (2, terms.tick_fen_per_t),
        (3, terms.lot_kg),
        (4, terms.min_lots),
        (5, terms.step_lots),
        (6, terms.max_lots),
        (7, terms.max_value_fen),
        (8, terms.reference_ticks),
        (9, terms.low_ticks),
        (10, terms.high_ticks),
    )
    for position, number in at_least_one:
        if not 1 <= number <= MAX_INT:
            return RejectReason.PARAMETERS, (position,)
    if not 1 <= terms.cover_bp <= 10_000:
        return RejectReason.PARAMETERS, (11,)
    for position, number in (
        (12, terms.plus_tolerance_bp),
        (13, terms.buyer_fee_bp),
        (14, terms.seller_fee_bp),
    ):
        if not 0 <= number <= 10_000:
            return RejectReason.PARAMETERS, (position,)
    if not 0 <= terms.piece_min_kg <= terms.piece_max_kg <= MAX_INT:
        return RejectReason.PARAMETERS, (15,)
    if terms.piece_max_kg and not terms.piece_min_kg:
        return RejectReason.PARAMETERS, (15,)
    if not 0 <= terms.approval_id <= MAX_INT:
        return RejectReason.PARAMETERS, (17,)
    if not 0 <= terms.product_id <= MAX_INT:
        return RejectReason.PARAMETERS, (18,)
    if not 0 <= terms.dynamic_bp <= 10_000:
        return RejectReason.PARAMETERS, (20,)
    if not (1 if terms.dynamic_bp else 0) <= terms.call_seconds <= 86_400:
        return RejectReason.PARAMETERS, (21,)
    if terms.dynamic_bp and terms.mode != Mode.MATCHED:
        return RejectReason.PARAMETERS, (20,)
    if not 0 <= terms.max_day_lots <= MAX_INT:
        return RejectReason.PARAMETERS, (22,)
    if terms.min_lots % terms.step_lots:
        return RejectReason.PARAMETERS, (5,)
    if terms.max_lots < terms.min_lots:
        return RejectReason.PARAMETERS, (6,)
    if not terms.low_ticks <= terms.reference_ticks <= terms.high_ticks:
        return RejectReason.PARAMETERS, (8,)
    # The heaviest piece too: a hold that rounds could release a fen less than the trade costs.
    for kg in (terms.lot_kg, terms.piece_max_kg):
        if terms.tick_fen_per_t * kg % 1000:
            return RejectReason.FRACTION_OF_FEN, (terms.tick_fen_per_t, kg)
    if terms.mode == Mode.MATCHED and not terms.approval_id:
        return RejectReason.APPROVAL_REQUIRED, ()
    return None
