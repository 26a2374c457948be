"""Rows of the exchange: imported here for Django's registry and re-exported by name."""

from exchange.models.instruments import (
    Approval,
    Commodity,
    Delivery,
    Instrument,
    InstrumentStatus,
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
    VenueStatus,
)

__all__ = [
    "LIVE_STATES",
    "Approval",
    "Bookmark",
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
    "Role",
    "Seat",
    "TradeRow",
    "TradingMode",
    "User",
    "Venue",
    "VenueStatus",
    "Warehouse",
]
