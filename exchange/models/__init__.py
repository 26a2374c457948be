"""Rows of the exchange: imported here for Django's registry and re-exported by name."""

from exchange.models.busts import BUST_OPEN, BustRequest, BustState
from exchange.models.instruments import (
    Approval,
    Commodity,
    Delivery,
    Instrument,
    InstrumentStatus,
    ResaleRule,
    TradingMode,
    Warehouse,
)
from exchange.models.people import Firm, Membership, MembershipStatus, Role, Seat, User, Venue
from exchange.models.projected import (
    LIVE_STATES,
    Bookmark,
    Candle,
    DayStatistics,
    FeedState,
    FirmFunds,
    OrderRow,
    OrderState,
    TradeRow,
    TradingBan,
    VenueStatus,
)

__all__ = [
    "BUST_OPEN",
    "LIVE_STATES",
    "Approval",
    "Bookmark",
    "BustRequest",
    "BustState",
    "Candle",
    "Commodity",
    "DayStatistics",
    "Delivery",
    "FeedState",
    "Firm",
    "FirmFunds",
    "Instrument",
    "InstrumentStatus",
    "Membership",
    "MembershipStatus",
    "OrderRow",
    "OrderState",
    "ResaleRule",
    "Role",
    "Seat",
    "TradeRow",
    "TradingBan",
    "TradingMode",
    "User",
    "Venue",
    "VenueStatus",
    "Warehouse",
]
