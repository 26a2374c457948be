"""Codes of refusals -> sentences in both languages. The only place where a code gets words.

Codes are stable and documented; sentences may improve. A test asserts that every code of the
engine, the rule book and the socket has both.
"""

from __future__ import annotations

from typing import Final

from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from exchange.models import Instrument
from web import display

SENTENCES: Final[dict[str, str]] = {
    # The engine's (matching.events.RejectReason).
    "CLIENT_ID_REUSED": gettext_noop("该委托编号已用于另一笔不同的请求。"),
    "OP_ID_REUSED": gettext_noop("该业务编号已用于另一笔不同的业务。"),
    "STALE": gettext_noop("请求已过期，未执行。请重新提交。"),
    "INVALID": gettext_noop("请求中的数字或编号无效。"),
    "UNKNOWN_INSTRUMENT": gettext_noop("没有该商品。"),
    "UNKNOWN_FIRM": gettext_noop("该企业不是本市场交易商。"),
    "UNKNOWN_ORDER": gettext_noop("没有该委托，或该委托已了结。"),
    "UNKNOWN_RECEIPT": gettext_noop("没有该仓单。"),
    "UNKNOWN_TRADE": gettext_noop("没有该成交。"),
    "UNKNOWN_OPERATION": gettext_noop("没有该业务。"),
    "ALREADY_DEFINED": gettext_noop("该编号已存在，内容不同。"),
    "VENUE_HALTED": gettext_noop("市场已暂停交易，仍可撤单。"),
    "INSTRUMENT_HALTED": gettext_noop("该商品已暂停交易，仍可撤单。"),
    "PHASE": gettext_noop("当前时段不接受委托。"),
    "FIRM_HALTED": gettext_noop("本企业已被暂停交易，仍可撤单。"),
    "FIRM_SUSPENDED": gettext_noop("本企业的交易资格已暂停，仍可撤单。"),
    "MODE": gettext_noop("该商品的交易方式不支持此操作。"),
    "APPROVAL_REQUIRED": gettext_noop("电子撮合须有有效的批准记录，并由两人启用。"),
    "FRACTION_OF_FEN": gettext_noop("最小变动价位与交易单位之积不是整分。"),
    "PARAMETERS": gettext_noop("商品参数无效。"),
    "BELOW_MINIMUM": gettext_noop("数量低于最小数量。"),
    "QUANTITY_STEP": gettext_noop("数量不是最小变动数量的整数倍。"),
    "RESIDUAL": gettext_noop("剩余数量将低于最小摘牌量，请全部摘牌或减少数量。"),
    "PRICE_BAND": gettext_noop("价格超出涨跌停范围。"),
    "ABOVE_MAXIMUM": gettext_noop("数量超过单笔上限。"),
    "VALUE_MAXIMUM": gettext_noop("金额超过单笔上限。"),
    "EXCEEDS_OPEN": gettext_noop("数量超过该挂牌的剩余数量。"),
    "BELOW_EXECUTED": gettext_noop("新数量不大于已成交数量。"),
    "RELATED_PARTY": gettext_noop("将与本企业或关联企业的委托成交，不予接受。"),
    "WOULD_TRADE": gettext_noop("对手方已有可成交的挂牌，请直接摘牌或调整价格。"),
    "RECEIPTS_ON_BUY": gettext_noop("买入不能指定仓单。"),
    "RECEIPT_REPEATED": gettext_noop("同一仓单指定了两次。"),
    "RECEIPT_INSTRUMENT": gettext_noop("仓单不属于该商品。"),
    "RECEIPT_NOT_YET_SELLABLE": gettext_noop("仓单尚在转让间隔期内，暂不能卖出。"),
    "RECEIPT_WEIGHT": gettext_noop("仓单重量与数量不符。"),
    "GOODS": gettext_noop("可卖仓单不足。"),
    "CASH": gettext_noop("可用资金不足。"),
    "DAY": gettext_noop("交易日不能倒退。"),
    "SAME": gettext_noop("内容没有变化。"),
    "LIMIT": gettext_noop("已达到系统上限。"),
    "TRADER_BLOCKED": gettext_noop("本席位已被停止下单，仍可撤单。"),
    "RESALE_LOCK": gettext_noop("买卖同一商品须间隔五个交易日。"),
    "DAY_QUANTITY": gettext_noop("超过本企业当日该商品的申报数量上限。"),
    "DAY_VALUE": gettext_noop("超过本企业当日的申报金额上限。"),
    "HOLDER_LIMIT": gettext_noop("该仓单的累计持有人已达法定上限。"),
    "NOT_FILLABLE": gettext_noop("当前无法按要求的数量立即成交。"),
    "NO_OPPOSITE": gettext_noop("限价以内没有可成交的对手委托。"),
    "EXPIRED": gettext_noop("有效期限已过。"),
    "NOT_AMENDABLE": gettext_noop("该委托正在等待触发或已挂起，不能修改。"),
    "UNKNOWN_NEGOTIATION": gettext_noop("没有该议价，或议价已结束。"),
    "NOT_YOUR_TURN": gettext_noop("正在等待对方答复。"),
    "ROUND": gettext_noop("对方已提出新的报价，请重新查看。"),
    "UNKNOWN_AUCTION": gettext_noop("没有该竞价，或竞价已结束。"),
    "AUCTION_STATE": gettext_noop("竞价当前阶段不接受此操作。"),
    "NOT_QUALIFIED": gettext_noop("尚未交纳竞价履约金，不能出价。"),
    "OWNER": gettext_noop("发起方及其关联企业不得出价。"),
    "RESERVE": gettext_noop("出价未达到保留价。"),
    "INCREMENT": gettext_noop("出价未达到最小加价幅度。"),
    "BUST_WINDOW": gettext_noop("已超过成交后可以撤销的时限。"),
    "TWO_PERSONS": gettext_noop("须由另一人批准。"),
    "SETTLING": gettext_noop("合同已开始交收，不能再整笔处理。"),
    # The socket's and the link's.
    "MALFORMED": gettext_noop("请求格式错误。"),
    "TOO_LARGE": gettext_noop("请求过大。"),
    "NOT_ALLOWED": gettext_noop("您的席位无权进行此操作。"),
    "RATE": gettext_noop("请求过于频繁，请稍后再试。"),
    "UNKNOWN_ID": gettext_noop("没有该请求的记录：尚未收到，或已超过 15 分钟。"),
    "TOPICS": gettext_noop("订阅数量已达上限。"),
    "UNKNOWN_TOPIC": gettext_noop("没有该行情主题。"),
    "BUSY": gettext_noop("市场繁忙，未执行，请稍后再试。"),
    "DEADLINE": gettext_noop("未能在时限内处理，未执行。"),
    "RECOVERING": gettext_noop("市场正在恢复，请稍后再试，已确认的委托不会丢失。"),
    "UNREACHABLE": gettext_noop("暂时无法连接撮合系统，请稍后再试。"),
    "HALTED": gettext_noop("市场已停止服务，等待人工处理。"),
    "UNKNOWN_VENUE": gettext_noop("没有该市场。"),
    # The rule book's and settlement's.
    "NUMBER": gettext_noop("请输入有效的数字。"),
    "CHOICE": gettext_noop("请选择列表中的一项。"),
    "REQUIRED": gettext_noop("此项必填。"),
    "DATES": gettext_noop("结束日期早于开始日期。"),
    "CODE_TAKEN": gettext_noop("该代码已被使用。"),
    "WAREHOUSE_CATEGORY": gettext_noop("该仓库不存放此类商品。"),
    "WAREHOUSE": gettext_noop("该仓库不是此商品的交收仓库。"),
    "SAME_PERSON": gettext_noop("须由另一人复核。"),
    "AMOUNT": gettext_noop("请输入有效的数额。"),
    "TOO_LONG": gettext_noop("内容过长。"),
    "TICK": gettext_noop("价格不是最小变动价位的整数倍。"),
    "ONE_PIECE": gettext_noop("按件计的商品一件一单，数量须为 1。"),
    "CONFIRMATION": gettext_noop("与代码不一致，请重新输入。"),
    "RESTARTING": gettext_noop("市场系统正在重启，没有丢失任何内容，请再试一次。"),
    "NO_COMMON_HEIGHT": gettext_noop("账目正在追平，请稍后再核对。"),
    "PILE_TAKEN": gettext_noop("该货位已有仓单，一货一单。"),
    "DEPOSIT_NEEDS_ACCEPTANCE": gettext_noop("仓单过户须全额付款；收取定金的品种须提货验收。"),
    "NOT_SIGNED": gettext_noop("仓库尚未对该仓单的转让签章，暂不能提货。"),
    "UNKNOWN_TRANSFER": gettext_noop("没有该转让。"),
    "EARLIER_UNSIGNED": gettext_noop("该货物此前的转让尚未签章，请按先后顺序签章。"),
    "UNKNOWN_MOVEMENT": gettext_noop("没有该笔出入金。"),
    "MOVEMENT_STATE": gettext_noop("该笔出入金已处理。"),
    "DECLINED": gettext_noop("复核未通过。"),
    "BOOKS_BROKEN": gettext_noop("账目核对不符，查明之前暂停出金。"),
    # Rails.
    "PUSH_ONLY": gettext_noop("本市场的入金由企业从本企业账户汇入，不在此发起。"),
    "NO_ACCOUNT": gettext_noop("本企业尚未绑定同名账户。"),
    "BREAK_OPEN": gettext_noop("与收付渠道对账有差异，查明之前暂停出金。"),
    "RAIL_REFUSED": gettext_noop("收付渠道拒绝了此笔业务。"),
    "NOT_SAME_NAME": gettext_noop("账户户名与企业名称不一致。"),
    "THIRD_PARTY": gettext_noop("付款人不是本账户的企业。"),
    "OTHER_ACCOUNT": gettext_noop("该款项在另一企业的账户上。"),
    "ACCOUNT_LIVE": gettext_noop("已有账户正在办理或已绑定。"),
    "ACCOUNT_STATE": gettext_noop("该账户已处理。"),
    "UNKNOWN_ACCOUNT": gettext_noop("没有该账户。"),
    "UNKNOWN_ITEM": gettext_noop("没有该来款。"),
    "ITEM_STATE": gettext_noop("该来款已处理。"),
    "UNKNOWN_LINE": gettext_noop("没有该对账差异。"),
    "LINE_STATE": gettext_noop("该对账差异已说明。"),
    "OPERATION_STATE": gettext_noop("该业务不须人工查明。"),
    "RATE_AND_BURST": gettext_noop("每秒委托数与瞬时最多委托数须同时填写或同时为 0。"),
    "VOLATILITY_MODE": gettext_noop("波动中断只用于电子撮合。"),
    "CALL_SECONDS": gettext_noop("集合竞价须为 1 至 86400 秒；不设波动中断时可为 0。"),
    "UNKNOWN_REQUEST": gettext_noop("没有该事项。"),
    "DECISION_ASKED": gettext_noop("已有人提请，待另一人复核。"),
    "DECISION_STATE": gettext_noop("该事项已办结。"),
    "UNKNOWN_FINDING": gettext_noop("没有该查明结果。"),
    "FINDING_OPEN": gettext_noop("已有人登记查明结果，待另一人复核。"),
    "FINDING_STATE": gettext_noop("该查明结果已复核。"),
    "PURPOSE_TAKEN": gettext_noop("同一用途已有业务在办理。"),
    "NOTHING_WAITS": gettext_noop("没有待送银行的业务。"),
    "NO_BANK": gettext_noop("尚未设置银行文件格式。"),
    "NO_BANK_KEY": gettext_noop("本市场没有文件密钥。"),
    "STATEMENT_GAP": gettext_noop("对账文件与上一份不衔接。"),
    "LINE_TWICE": gettext_noop("对账文件中有此前已载入的流水。"),
    "FILE_REFUSED": gettext_noop("文件有误，一行也没有载入。"),
    "NOTHING_TO_NET": gettext_noop("自上一批以来没有须轧差的款项。"),
    "BATCH_OPEN": gettext_noop("上一批的银行收付尚未完成。"),
    "TOO_MANY": gettext_noop("款项过多，一批容不下。"),
    "UNKNOWN_BATCH": gettext_noop("没有该批次。"),
    "LEG_STATE": gettext_noop("该笔银行收付不在可重发的状态。"),
    "LEG_REFUSED": gettext_noop("银行拒绝了划出，须经办重发。"),
    "LEG_ACCOUNT": gettext_noop("收款企业尚未绑定本渠道账户。"),
    "LEG_BOOKS": gettext_noop("账目核对不符，查明之前不发送银行收付。"),
    "LEG_BREAK": gettext_noop("与收付渠道对账有差异，查明之前不划出。"),
    "NO_CLEARING_ACCOUNT": gettext_noop("尚未设置清算户或经营者账户。"),
    "ACCOUNTS_ALIKE": gettext_noop("清算户须与付款账号、经营者账户不同。"),
    "CONFIRM": gettext_noop("请先勾选确认。"),
    "NO_RETURN_ACCOUNT": gettext_noop("渠道未说明来款账户，不能由渠道退回。"),
    "NOT_THE_PAYER": gettext_noop("退回账户不是来款账户。"),
    "FROZEN": gettext_noop("本企业的出金已被冻结。"),
    "UNKNOWN_FREEZE": gettext_noop("没有该冻结。"),
    "FREEZE_STATE": gettext_noop("该冻结不在可解除的状态。"),
    "LAYOUT": gettext_noop("文件格式有误。"),
    # Papers of goods, and goods set aside.
    "FUTURE": gettext_noop("日期不能晚于今天。"),
    "STORAGE_PERIOD": gettext_noop("储存期限须晚于今天和现有期限，且不超过十年。"),
    "SHELF_LIFE": gettext_noop("剩余保质期不足三分之一，或储存期限超过保质期。"),
    "PLEDGED_ELSEWHERE": gettext_noop("已在他处出质的货物不能登记。"),
    "PHOTOS": gettext_noop("须有 1 至 8 张货物照片。"),
    "FILE_SIZE": gettext_noop("文件为空，或超过 8 MB。"),
    "NOT_AN_IMAGE": gettext_noop("文件内容不是可读的 JPEG 或 PNG 图片。"),
    "PHOTO_PIXELS": gettext_noop("图片的像素过多。"),
    "NOT_A_CERTIFICATE": gettext_noop("文件内容不是完整的 PDF、JPEG 或 PNG。"),
    "CERTIFICATE_REQUIRED": gettext_noop("该商品须凭质检证书登记。"),
    "CERTIFICATE_OVER": gettext_noop("质检证书已过有效期。"),
    "FILE_LOST": gettext_noop("文件无法读取。"),
    "FILE_DAMAGED": gettext_noop("文件与登记时不一致。"),
    "NOT_RECORDED": gettext_noop("该仓单登记时没有记载储存期限。"),
    "RECEIPT_ASIDE": gettext_noop("该仓单已停止流通（冻结、质押或到期）。"),
    "RECEIPT_FROZEN": gettext_noop("该仓单已被冻结，不能质押。"),
    "RECEIPT_MOVING": gettext_noop("该仓单的上一项处理尚未完成，请稍后再试。"),
    "NOTHING_FREE": gettext_noop("该仓单没有可用数量：已挂牌或已被合同锁定。"),
    "OWNER_CHANGED": gettext_noop("货权已转移，未作处理。"),
    "GOODS_GONE": gettext_noop("该企业在此仓单下已无货物（已售出或已提走），未作处理。"),
    "UNKNOWN_PLEDGE": gettext_noop("没有该质押。"),
    "PLEDGE_STATE": gettext_noop("该质押当前状态不能进行此操作。"),
    "NO_CONSENT": gettext_noop("仓库尚未登记质权人的书面同意。"),
    "UNKNOWN_SPLIT": gettext_noop("没有该拆分申请。"),
    "SPLIT_STATE": gettext_noop("该拆分申请已处理。"),
    "SPLIT_OPEN": gettext_noop("该仓单已有拆分申请在办理。"),
    "SPLIT_REST": gettext_noop("拆分后剩余数量将低于最小数量。"),
    "SPLIT_FREE": gettext_noop("拆出数量超过可用数量。"),
    "SPLIT_WHOLE": gettext_noop("仓单只剩该部分，没有拆分。"),
    "INDIVISIBLE": gettext_noop("按件计的商品一件一单，不能拆分。"),
    # A contract on its way.
    "UNKNOWN_CONTRACT": gettext_noop("没有该合同。"),
    "CONTRACT_STATE": gettext_noop("合同当前状态不能进行此操作，请刷新页面查看。"),
    "PAYMENT_UNDER_WAY": gettext_noop("上一笔付款正在处理，请稍候。"),
    "PICKUP_CODE": gettext_noop("提货码不符。"),
    "SCALE": gettext_noop("毛重须大于皮重，且不超过一百万吨。"),
    "NO_TICKET": gettext_noop("没有该磅单。"),
    "STILL_LOADING": gettext_noop("装运尚未完毕，请按磅单登记证书。"),
    "CERTIFICATE_GIVEN": gettext_noop("该磅单已有检验证书。"),
    "UMPIRE_MISSING": gettext_noop("尚缺复检证书。"),
    "UMPIRE_FINAL": gettext_noop("已经复检，结果为最终结果。"),
    "NOT_REFUSABLE": gettext_noop("该批货物未超出拒收界限。"),
    "OTHER_STATEMENT": gettext_noop("结算单已更新，请重新阅读。"),
    "AGREED_ALREADY": gettext_noop("贵方已同意该结算单。"),
    "INVOICE_NUMBER": gettext_noop("发票号码应为 8 至 20 位数字。"),
    "INVOICE_TAKEN": gettext_noop("该发票号码已登记。"),
    "INVOICE_GIVEN": gettext_noop("该合同已有发票。"),
    "RED_INVOICE_DUE": gettext_noop("请先为退回的发票开具红字发票。"),
    "INVOICE_AMOUNT": gettext_noop("价税合计与结算单不符。"),
    "INVOICE_VAT": gettext_noop("税额与结算单不符。"),
    "INVOICE_WEIGHT": gettext_noop("数量与结算单不符。"),
    "LOADED_ALREADY": gettext_noop("已有磅单，请确认装运完毕；短少部分按短交处理。"),
    "REMEDY_CHOSEN": gettext_noop("已选择救济方式，违约金与定金不能并用。"),
    "EVIDENCE_CLOSED": gettext_noop("现在不接收证据材料：没有争议，或专家组已裁决。"),
    "EVIDENCE_MOST": gettext_noop("贵方就此争议提交的证据材料已达 10 份。"),
    "EVIDENCE_TWICE": gettext_noop("贵方已提交过该文件。"),
    "REPLACE_DAYS": gettext_noop("换货期限至少一天，不超过合同的交付期。"),
    "REPLACED_ALREADY": gettext_noop("一份合同只能换货一次。"),
    "NOTHING_REFUSED": gettext_noop("没有被拒收的货物。"),
    "OTHER_PROPOSAL": gettext_noop("换货提议已更新，请重新阅读。"),
    "RATING_CLOSED": gettext_noop("合同了结已满七日，不能再评价。"),
    "RATED_ALREADY": gettext_noop("贵方已评价过该合同。"),
    "MARK": gettext_noop("评分须为 1 至 5。"),
    # What was measured, and rules of adjustment that cannot be read.
    "MISSING": gettext_noop("缺少该指标的实测值。"),
    "GRADE": gettext_noop("差价表中没有该等级。"),
    "UNKNOWN_ATTRIBUTE": gettext_noop("合同没有该指标。"),
    "METHOD": gettext_noop("调整规则的方法无法识别。"),
    "EFFECT": gettext_noop("调整规则的对象或方向无法识别。"),
    "BOUNDS": gettext_noop("调整规则的上下限有误。"),
    "OPERATOR": gettext_noop("拒收条件的比较方式无法识别。"),
    "ACTION": gettext_noop("拒收条件的后果无法识别。"),
    "TOLERANCE": gettext_noop("溢短装幅度有误。"),
    "ROUNDING": gettext_noop("调整规则的取整方式无法识别。"),
    "WEIGHT_BASIS": gettext_noop("理论重量计价须列明每米理论重量。"),
    "JSON": gettext_noop("规则文本不是有效的 JSON。"),
    "KEY_UNKNOWN": gettext_noop("规则中有无法识别的字段。"),
    "KEY_MISSING": gettext_noop("规则缺少必要的字段。"),
    "KEY_TWICE": gettext_noop("规则中同一字段出现两次。"),
    "KEY_TEXT": gettext_noop("规则中此处应为文字。"),
    "KEY_OBJECT": gettext_noop("规则中此处应为一组字段。"),
    "KEY_LIST": gettext_noop("规则中此处应为列表。"),
    "COMMODITY": gettext_noop("规则不属于该品种。"),
    "VAT_RATE": gettext_noop("增值税率随品种税目确定，不能由规则更改。"),
    # Versions of rules, and goods that are counted.
    "NO_RULES": gettext_noop("该品种没有生效的质量与重量规则，不能按提货验收挂牌。"),
    "RULES_DAMAGED": gettext_noop("规则文本与其摘要不符，已停止使用。"),
    "UNKNOWN_RULES": gettext_noop("没有该规则版本。"),
    "RULES_STATE": gettext_noop("该规则版本已发布或已撤回。"),
    "RULES_IN_FORCE": gettext_noop("规则已生效，不能撤回。"),
    "OTHER_RULES": gettext_noop("草案已更改，请重新阅读。"),
    "NOTICE": gettext_noop("规则须至少提前七日公示，并晚于已公示的版本。"),
    "TOO_FAR": gettext_noop("生效日期过远。"),
    "PIECES": gettext_noop("按理论重量计价，须填写规格、定尺与根数。"),
    "NO_PIECES": gettext_noop("该合同按过磅重量计价，不填根数。"),
    "DIAMETER": gettext_noop("证书的直径与磅单不符，请按磅单分别登记。"),
}

IN_UNITS: Final = frozenset(
    {
        "PRICE_BAND", "BELOW_MINIMUM", "RESIDUAL", "QUANTITY_STEP", "ABOVE_MAXIMUM",
        "EXCEEDS_OPEN", "BELOW_EXECUTED", "GOODS", "NOT_FILLABLE", "DAY_QUANTITY",
    }
)  # fmt: skip
"""Codes whose numbers mean something only with an instrument's units."""


def sentence(code: str, values: tuple[int, ...] = (), instrument: Instrument | None = None) -> str:
    """Return the sentence of a code in the active language, with the values compared."""
    words = gettext(SENTENCES.get(code, code))
    compared = _compared(code, values, instrument)
    gap = "" if words.endswith("。") else " "
    return f"{words}{gap}{compared}" if compared else words


def both(
    code: str, values: tuple[int, ...] = (), instrument: Instrument | None = None
) -> tuple[str, str]:
    """Return the sentence in Chinese and in English."""
    with translation.override("zh-hans"):
        zh = sentence(code, values, instrument)
    with translation.override("en"):
        return zh, sentence(code, values, instrument)


def _compared(code: str, values: tuple[int, ...], instrument: Instrument | None) -> str:
    """Return the numbers compared, in units that people use; "" where they say nothing."""
    if code == "CASH" and len(values) == 2:
        return gettext("需 %(need)s，可用 %(have)s。") % {
            "need": display.money(values[0]),
            "have": display.money(values[1]),
        }
    if code in ("VALUE_MAXIMUM", "DAY_VALUE") and len(values) == 2:
        return gettext("最多 %(most)s。") % {"most": display.money(values[1])}
    if code == "RECEIPT_NOT_YET_SELLABLE" and len(values) == 3:
        return gettext("最早 %(day)s。") % {"day": display.day(values[1])}
    if instrument is None:
        return ""
    if code == "PRICE_BAND" and len(values) == 3:
        low, high = (display.price(ticks, instrument.tick_fen_per_t) for ticks in values[1:])
        return gettext("允许 %(low)s 至 %(high)s 元/吨。") % {"low": low, "high": high}
    if code in ("BELOW_MINIMUM", "RESIDUAL") and len(values) == 2:
        return gettext("至少 %(least)s。") % {"least": display.quantity(values[1], instrument)}
    if code == "QUANTITY_STEP" and len(values) == 2:
        return gettext("每档 %(step)s。") % {"step": display.quantity(values[1], instrument)}
    if (
        code in ("ABOVE_MAXIMUM", "EXCEEDS_OPEN", "DAY_QUANTITY", "NOT_FILLABLE")
        and len(values) == 2
    ):
        return gettext("最多 %(most)s。") % {"most": display.quantity(values[1], instrument)}
    if code == "GOODS" and len(values) == 2:
        return gettext("需 %(need)s，可用 %(have)s。") % {
            "need": display.quantity(values[0], instrument),
            "have": display.quantity(values[1], instrument),
        }
    if code == "BELOW_EXECUTED" and len(values) == 2:
        return gettext("已成交 %(done)s。") % {"done": display.quantity(values[1], instrument)}
    return ""
