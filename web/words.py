"""What states, kinds and roles are called on screens. Codes stay in the data, words live here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from exchange.models import Instrument, OrderRow, Venue
from matching.commands import OrderKind, Phase, SelfMatch, Side, TimeInForce
from matching.events import CancelReason
from settlement.models import Obligation

DIRECTIONS = {"in": _("入金"), "out": _("出金")}
FUNDS_STATES = {
    "awaiting": _("待复核"),
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
    "aside": _("停止流通"),
    "closed": _("已注销"),
}
HOLD_KINDS = {
    "freeze": _("冻结"),
    "pledge": _("质押"),
    "expiry": _("到期"),
    "split": _("拆分"),
}
HOLD_REASONS = {
    "court": _("司法冻结"),
    "dispute": _("争议冻结"),
    "quality": _("质量封存"),
    "suspected": _("疑似虚假仓单"),
}
HOLD_STATES = {
    "entered": _("待另一方确认"),
    "declined": _("未同意"),
    "asked": _("处理中"),
    "held": _("生效中"),
    "refused": _("未成功"),
    "lifting": _("解除中"),
    "lifted": _("已解除"),
}
SPLIT_STATES = HOLD_STATES | {"entered": _("待仓库同意"), "lifted": _("已拆分")}
RECEIPT_CHANGES = {
    "registered": _("登记"),
    "collected": _("提货"),
    "transferred": _("整单过户"),
    "split_off": _("拆出过户"),
    "split_from": _("拆分取得"),
    "delivered": _("交付出库"),
    "returned": _("退回卖方"),
    "divided_off": _("拆出"),
    "divided_from": _("自原单拆出"),
    "set_aside": _("停止流通"),
    "given_back": _("恢复流通"),
}
CONTRACT_STATES = {
    "matched": _("已成交"),
    "secured": _("款货已锁定"),
    "delivering": _("提货中"),
    "delivered": _("待验收"),
    "disputed": _("复检中"),
    "stated": _("待确认结算"),
    "top_up": _("待补款"),
    "settled": _("交收完成"),
    "closed": _("合同了结"),
    "buyer_default": _("买方违约"),
    "seller_default": _("卖方违约"),
    "terminated": _("违约终止"),
    "cancelled": _("已撤销"),
}
DUTIES = {
    "pay": _("付清货款"),
    "order": _("开具提货单"),
    "collect": _("提货过磅"),
    "deliver": _("送货过磅"),
    "accept": _("验收重量与质量"),
    "umpire": _("第三方复检"),
    "agree": _("确认结算单"),
    "top_up": _("补足货款"),
    "invoice": _("开具发票"),
    "check_invoice": _("核对发票"),
    "red_letter": _("开具红字发票"),
    "remedy": _("选择救济方式"),
    "penalty": _("备足违约金"),
    "respond": _("答辩"),
    "offer": _("提出和解方案"),
    "decide": _("专家组裁决"),
    "appeal": _("申请复议"),
    "award": _("登记仲裁或法院结果"),
}
SILENCE = {
    "pay": _("逾期按日计费，宽限期满为买方违约"),
    "order": _("自截止日起仓储费由买方承担，再逾期为买方违约"),
    "collect": _("自截止日起仓储费由买方承担，再逾期为买方违约"),
    "deliver": _("以已交付的为准；未交付为卖方违约"),
    "accept": _("视为合格"),
    "umpire": _("货物继续留置，不因期满而接收"),
    "agree": _("视为同意"),
    "top_up": _("先行交收，差额仍为欠款"),
    "invoice": _("暂留款继续暂留"),
    "check_invoice": _("视为接受"),
    "red_letter": _("暂留款继续暂留"),
    "remedy": _("按金额较大的一种执行"),
    "penalty": _("每日再次扣收，三十日后货物解锁，违约金仍为欠款"),
    "respond": _("进入调解"),
    "offer": _("移交专家组"),
    "decide": _("继续等待裁决"),
    "appeal": _("裁决生效并执行"),
    "award": _("争议款继续冻结"),
}
SIDES = {
    "buyer": _("买方"),
    "seller": _("卖方"),
    "warehouse": _("仓库"),
    "inspector": _("检验机构"),
    "clerk": _("结算员"),
    "reviewer": _("复核"),
}
FORUMS = {"arbitration": _("仲裁"), "court": _("法院")}
NEXT_STEPS = {
    "matched": (_("付清货款"), _("买方")),
    "secured": (_("开具提货单"), _("买方")),
    "delivering": (_("过磅出库"), _("仓库")),
    "delivered": (_("验收重量与质量"), _("买方")),
    "disputed": (_("第三方复检"), _("检验机构")),
    "stated": (_("确认结算单"), _("双方")),
    "top_up": (_("补足货款"), _("买方")),
    "settled": (_("开具并核对发票"), _("卖方")),
    "buyer_default": (_("选择救济方式"), _("卖方")),
    "seller_default": (_("选择救济方式"), _("买方")),
}
CONTRACT_EVENTS = {
    "signed": _("依入市协议签署"),
    "pay_asked": _("申请付款"),
    "paid": _("付款到账"),
    "delivery_ordered": _("开具提货单"),
    "weighed": _("过磅"),
    "inspected": _("登记检验证书"),
    "umpire_done": _("复检完毕"),
    "weight_decided": _("复磅确定净重"),
    "disputed_by": _("提出异议"),
    "refused": _("拒收"),
    "excess_refused": _("拒收超出部分"),
    "excess_taken": _("接收超出部分"),
    "accepted": _("验收确认"),
    "accepted_by_silence": _("检验期满，视为合格"),
    "agreed": _("同意结算单"),
    "agreed_by_silence": _("期满未提异议，视为同意结算单"),
    "objected": _("对结算金额提出争议"),
    "invoiced": _("登记发票"),
    "invoice_accepted": _("接受发票"),
    "invoice_rejected": _("退回发票"),
    "red_letter": _("开具红字发票"),
    "invoice_late": _("发票逾期"),
    "invoice_by_silence": _("期满未答复，视为接受发票"),
    "released": _("余款支付卖方"),
    "reminder": _("到期提醒"),
    "collection_late": _("逾期未提，仓储费由买方承担"),
    "storage": _("逾期提货仓储费"),
    "goods_missing": _("仓库报告无货可交"),
    "cut_proposed": _("提议减价"),
    "cut_taken": _("接受减价"),
    "penalty_owed": _("货款不足抵扣的违约金"),
    "penalty_paid": _("违约金已扣收"),
    "penalty_unpaid": _("货物解锁，违约金仍为欠款"),
    "remedy": _("执行救济"),
    "dispute_answered": _("答辩"),
    "dispute_silent": _("期满未答辩"),
    "dispute_offer": _("提出和解方案"),
    "dispute_panel": _("移交专家组"),
    "dispute_decided": _("专家组裁决"),
    "dispute_appeal": _("申请复议"),
    "panel_late": _("专家组逾期未裁决"),
    "exhibit": _("提交证据材料"),
    "dispute_held": _("提交仲裁或法院，争议款继续冻结"),
    "dispute_award": _("仲裁或法院结果"),
    "dispute_executed": _("争议款已划转"),
    "rated": _("评价对方"),
    "replace_proposed": _("提议换货"),
    "replace_taken": _("接受换货"),
    "replace_ready": _("换货备妥"),
} | CONTRACT_STATES
INVOICE_STATES = {
    "issued": _("待核对"),
    "accepted": _("已接受"),
    "rejected": _("已退回"),
    "red": _("已红冲"),
}
DISPUTE_STATES = {
    "alleged": _("待答辩"),
    "conciliation": _("调解"),
    "panel": _("专家组审理"),
    "decided": _("已裁决，可复议"),
    "held": _("仲裁或诉讼中"),
    "ruled": _("执行中"),
    "executed": _("已执行"),
}
REPLACING = {
    "due": _("待卖方交付换货"),
    "ready": _("换货已备妥，待买方提货"),
}
MATTERS = {"goods": _("重量或质量"), "money": _("结算金额")}
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
    "set_aside": _("停止流通"),
    "give_back": _("恢复流通"),
    "penalty": _("违约金"),
}
ORDER_STATES = {
    "open": _("未了结"),
    "filled": _("全部成交"),
    "cancelled": _("已撤"),
    "expired": _("已过期"),
    "waiting": _("等待触发"),
    "suspended": _("已挂起"),
}
# Why an order ended whose firm did not ask for just that; `REQUESTED` and `EXPIRED` say no more
# than the state.
CANCEL_REASONS = {
    CancelReason.IMMEDIATE: _("未能立即成交的部分"),
    CancelReason.SELF_MATCH: _("对手为本集团委托"),
    CancelReason.MASS: _("批量撤单"),
    CancelReason.KILLED: _("交易权限被停止"),
    CancelReason.DISCONNECTED: _("连接中断"),
    CancelReason.HOLDERS: _("仓单持有人已达上限"),
    CancelReason.STOP_REFUSED: _("触发时已不能报入"),
    CancelReason.NEGOTIATION: _("协商已结束"),
    CancelReason.BAND: _("超出新的价格范围"),
    CancelReason.AUCTION: _("竞价已结束或已改报"),
    CancelReason.WITHHELD: _("仓单被冻结或已到期"),
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
    "inspector": _("检验"),
    "clerk": _("结算员"),
}
ACCOUNT_STATES = {
    "proposed": _("待结算员核对"),
    "opening": _("银行核验中"),
    "bound": _("已绑定"),
    "refused": _("未通过"),
    "closed": _("已解绑"),
}
OPERATION_STATES = {
    "new": _("待发送"),
    "sending": _("发送中"),
    "pending": _("已受理"),
    "action": _("待付款方办理"),
    "unknown": _("结果待查"),
    "human": _("须人工查明"),
    "done": _("已完成"),
    "refused": _("被拒"),
}
OPERATION_KINDS = {
    "open": _("开户核验"),
    "pay_in": _("收款"),
    "reserve": _("预授权"),
    "capture": _("扣款"),
    "release": _("解除预授权"),
    "pay_out": _("付款"),
    "refund": _("退款"),
    "clawback": _("追回付款"),
    "sweep_in": _("轧差缴入"),
    "sweep_out": _("轧差划出"),
    "return": _("退回来款"),
}
BATCH_STATES = {
    "closed": _("待发送"),
    "paying_in": _("缴入中"),
    "paying_out": _("划出中"),
    "done": _("已完成"),
    "not_carried": _("本渠道不办理"),
}
LEG_DIRECTIONS = {"in": _("缴入"), "out": _("划出")}
DECISION_KINDS = {
    "bust": _("撤销成交"),
    "resume": _("恢复交易"),
    "lift": _("恢复下单"),
    "limits": _("放宽限制"),
}
DECISION_STATES = {
    "asked": _("待复核"),
    "agreed": _("等待撮合系统"),
    "declined": _("未同意"),
    "expired": _("已失效"),
    "refused": _("撮合系统拒绝"),
    "done": _("已办理"),
}
RESALE_RULES = {
    "product": _("同一品种，买卖双向"),
    "receipt": _("只限所买仓单"),
}
SELF_MATCH = {
    SelfMatch.REFUSE_NEWEST.value: _("拒绝新委托"),
    SelfMatch.CANCEL_OLDEST.value: _("撤销已挂委托"),
    SelfMatch.CANCEL_BOTH.value: _("两者都撤销"),
    SelfMatch.DECREASE.value: _("相抵后撤销"),
}
ITEM_STATES = {
    "matched": _("已认领"),
    "unknown": _("待认领"),
    "claimed": _("待复核认领"),
    "proposed": _("待复核退回"),
    "reported": _("待复核银行退回"),
    "returning": _("退回中"),
    "returned": _("已退还"),
}
RAILS = {"ledger": _("存管账户"), "stripe": "Stripe", "bankfile": _("银行文件")}
BANK_FILES = {
    "instructions": _("指令文件"),
    "replies": _("回单文件"),
    "statement": _("对账文件"),
}
LINE_STATES = {"theirs_only": _("无对应业务"), "amount": _("金额不符")}
FREEZE_REASONS = {
    "court": _("司法冻结"),
    "aml": _("反洗钱核查"),
    "authority": _("主管部门要求"),
    "operator": _("市场规则处置"),
}
FREEZE_STATES = {
    "asked": _("处理中"),
    "frozen": _("已冻结"),
    "refused": _("未成功"),
    "lifting": _("解除中"),
    "lifted": _("已解除"),
}
RULE_STATES = {
    "draft": _("草案，征求意见"),
    "announced": _("已公示，待生效"),
    "in_force": _("生效中"),
    "past": _("已被取代"),
    "withdrawn": _("已撤回"),
}
WEIGHT_BASES = {
    "THEORETICAL": _("理论重量（理计）"),
    "SCALE": _("过磅重量"),
    "CONDITIONED": _("公定重量"),
    "NET_OF_GLAZE": _("去冰净重"),
    "BAG_COUNT": _("按袋计重"),
    "水尺/轨道衡/汽车衡": _("水尺、轨道衡或汽车衡"),
    "轨道衡/汽车衡": _("轨道衡或汽车衡"),
    "汽车衡/轨道衡": _("汽车衡或轨道衡"),
    "汽车衡": _("汽车衡"),
}
ADDRESSES = {
    "iban": "IBAN",
    "bic": "BIC",
    "account_holder_name": _("户名"),
    "account_number": _("账号"),
    "bank_name": _("开户行"),
}
WEIGHT_METHODS = {
    "SCALE": _("衡器过磅"),
    "THEORETICAL": _("理论计重"),
    "BAG_COUNT": _("按袋计数"),
    "CONDITIONED": _("公定重量"),
    "NET_OF_GLAZE": _("去冰衣净重"),
}
WEIGHT_FINALS = {
    "LOADPORT_DRAFT_SURVEY": _("装货港水尺"),
    "LOADPORT_SCALE": _("装货地衡器"),
    "DESTINATION_SCALE": _("目的地衡器"),
    "piece_mass": _("单件理论质量"),
    "coil_label_mass": _("卷标重量"),
    "bag_count_net": _("袋数乘袋净重"),
    "warehouse_sample": _("仓库抽样"),
    "warehouse_scale": _("仓库衡器"),
}
INSPECTION_FINALS = {
    "LOADPORT": _("装货港检验结果"),
    "DESTINATION": _("目的地检验结果"),
    "MILL_CERTIFICATE": _("厂家质保书"),
    "OUTBOUND": _("出库检验结果"),
}
QUALITY_BASES = {
    "ar": _("收到基"),
    "ad": _("空气干燥基"),
    "d": _("干燥基"),
    "daf": _("干燥无灰基"),
}
_TABLES = {
    "weight_method": WEIGHT_METHODS,
    "weight_final": WEIGHT_FINALS,
    "inspection_final": INSPECTION_FINALS,
    "quality_basis": QUALITY_BASES,
    "address": ADDRESSES,
    "freeze_reason": FREEZE_REASONS,
    "freeze": FREEZE_STATES,
    "rules": RULE_STATES,
    "account": ACCOUNT_STATES,
    "operation": OPERATION_STATES,
    "operation_kind": OPERATION_KINDS,
    "batch": BATCH_STATES,
    "leg": LEG_DIRECTIONS,
    "item": ITEM_STATES,
    "decision": DECISION_STATES,
    "decision_kind": DECISION_KINDS,
    "resale_rule": RESALE_RULES,
    "rail": RAILS,
    "bank_file": BANK_FILES,
    "line": LINE_STATES,
    "direction": DIRECTIONS,
    "funds": FUNDS_STATES,
    "receipt": RECEIPT_STATES,
    "hold_kind": HOLD_KINDS,
    "hold_reason": HOLD_REASONS,
    "hold": HOLD_STATES,
    "split": SPLIT_STATES,
    "change": RECEIPT_CHANGES,
    "contract": CONTRACT_STATES,
    "event": CONTRACT_EVENTS,
    "duty": DUTIES,
    "silence": SILENCE,
    "side": SIDES,
    "forum": FORUMS,
    "invoice": INVOICE_STATES,
    "dispute": DISPUTE_STATES,
    "matter": MATTERS,
    "replacing": REPLACING,
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


def next_step(contract: Obligation) -> dict[str, str] | None:
    """Return what is next for a contract and who has to do it; None when nothing is."""
    known = NEXT_STEPS.get(contract.state)
    if known is None or not (contract.terms or contract.state == "settled"):
        return None
    return {"what": gettext(known[0]), "who": gettext(known[1])}


def weight_basis(rules: Mapping[str, Any]) -> str:
    """Return by which weight goods are paid; an operator's own words as they are."""
    method = str(rules["weight_basis"].get("method", ""))
    return gettext(WEIGHT_BASES.get(method, method)) if method else "—"


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


def why_ended(order: OrderRow) -> str:
    """Return why an order ended, where its state does not say it all, or ""."""
    known = CANCEL_REASONS.get(CancelReason(order.cancel_reason)) if order.cancel_reason else None
    return gettext(known) if known else ""


def contract_number(venue: Venue, trade_id: int) -> str:
    """Return the number that people use, such as QLDZ-C-000123."""
    return numbered(venue.code, trade_id)


def numbered(venue_code: str, trade_id: int) -> str:
    """Return the number of a contract of the venue with this code."""
    return f"{venue_code.upper()}-C-{trade_id:06d}"


def own(row: object, field: str) -> str:
    """Return `field` of a row in the active language; Chinese where English is empty."""
    english = getattr(row, f"{field}_en", "") if get_language() == "en" else ""
    return str(english or getattr(row, f"{field}_zh"))
