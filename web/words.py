"""What states, kinds and roles are called on screens. Codes stay in the data, words live here."""

from __future__ import annotations

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from exchange.models import Instrument, OrderRow, Venue
from matching.commands import OrderKind, Phase, Side, TimeInForce

DIRECTIONS = {"in": _("入金"), "out": _("出金")}
FUNDS_STATES = {
    "requested": _("处理中"),
    "sent": _("处理中"),
    "confirmed": _("已完成"),
    "failed": _("未成功"),
    "unknown": _("待核实"),
}
RECEIPT_STATES = {
    "applied": _("登记中"),
    "refused": _("登记被拒"),
    "reserved": _("预留编号"),
    "unused": _("编号未用"),
    "registered": _("已登记"),
    "closed": _("已注销"),
}
RECEIPT_CHANGES = {
    "registered": _("登记"),
    "collected": _("提货"),
    "transferred": _("整单过户"),
    "split_off": _("拆出过户"),
    "split_from": _("拆分取得"),
}
CONTRACT_STATES = {
    "matched": _("已成交"),
    "funded": _("货款已备"),
    "lodged": _("仓单已备"),
    "secured": _("款货已锁定"),
    "part": _("部分交收"),
    "settled": _("交收完成"),
    "buyer_default": _("买方违约"),
    "seller_default": _("卖方违约"),
    "cancelled": _("已撤销"),
}
MOVEMENT_KINDS = {
    "deposit": _("入金"),
    "withdrawal": _("出金"),
    "commit": _("货款锁定"),
    "release": _("退回余额"),
    "payment": _("货款"),
    "fee": _("交易费"),
    "register": _("仓单登记"),
    "collect": _("提货"),
    "title": _("货权转移"),
}
ORDER_STATES = {
    "open": _("未了结"),
    "filled": _("全部成交"),
    "cancelled": _("已撤"),
    "expired": _("已过期"),
    "waiting": _("等待触发"),
    "suspended": _("已挂起"),
}
INSTRUMENT_STATES = {
    "proposed": _("待生效"),
    "refused": _("被拒"),
    "listed": _("已挂牌"),
    "suspended": _("暂停"),
}
MEMBERSHIP_STATES = {"active": _("正常"), "suspended": _("暂停")}
VENUE_STATES = {
    "open": _("正常"),
    "cancel_only": _("只可撤单"),
    "halted": _("暂停"),
    "recovering": _("恢复中"),
}
PHASES = {
    Phase.CLOSED: _("闭市"),
    Phase.PRE_OPEN: _("开市前"),
    Phase.CALL: _("集合竞价"),
    Phase.CONTINUOUS: _("连续交易"),
    Phase.BREAK: _("午间休市"),
}
VALIDITIES = {
    TimeInForce.DAY: _("当日有效"),
    TimeInForce.IOC: _("立即成交"),
    TimeInForce.FOK: _("全部成交或撤销"),
    TimeInForce.GTC: _("撤销前有效"),
    TimeInForce.GTD: _("指定时间前有效"),
}
FOLLOWERS = {"projections": _("委托与成交"), "settlement": _("清算交收"), "feeds": _("行情")}
ROLES = {
    "trader": _("交易员"),
    "finance": _("资金员"),
    "delivery": _("交收员"),
    "operator": _("经办"),
    "reviewer": _("复核"),
    "warehouse": _("仓库"),
}
_TABLES = {
    "direction": DIRECTIONS,
    "funds": FUNDS_STATES,
    "receipt": RECEIPT_STATES,
    "change": RECEIPT_CHANGES,
    "contract": CONTRACT_STATES,
    "movement": MOVEMENT_KINDS,
    "order": ORDER_STATES,
    "instrument": INSTRUMENT_STATES,
    "membership": MEMBERSHIP_STATES,
    "venue": VENUE_STATES,
    "follower": FOLLOWERS,
    "role": ROLES,
}


def word(code: str, table: str) -> str:
    """Return the active language's word for a code of one of the tables above."""
    return gettext(_TABLES[table].get(code, code))


def phase(number: int) -> str:
    """Return the name of a session phase."""
    return gettext(PHASES[Phase(number)])


def side(number: int) -> str:
    """Return 买入 or 卖出."""
    return gettext(_("买入")) if number == Side.BUY else gettext(_("卖出"))


def validity(order: OrderRow, instrument: Instrument) -> str:
    """Return what an order was: a lift, a posting, or how long it was good for."""
    if order.lifted_order_id:
        return gettext(_("摘牌"))
    if instrument.mode == "listed" and order.tif == TimeInForce.DAY:
        return gettext(_("挂牌"))
    if order.kind == OrderKind.STOP_LIMIT:
        return gettext(_("触发限价"))
    return gettext(VALIDITIES[TimeInForce(order.tif)])


def contract_number(venue: Venue, trade_id: int) -> str:
    """Return the number that people use, such as QLDZ-C-000123."""
    return f"{venue.code.upper()}-C-{trade_id:06d}"


def own(row: object, field: str) -> str:
    """Return `field` of a row in the active language; Chinese where English is empty."""
    english = getattr(row, f"{field}_en", "") if get_language() == "en" else ""
    return str(english or getattr(row, f"{field}_zh"))
