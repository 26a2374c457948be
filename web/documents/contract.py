"""A contract in words: from its sealed text and its signatures, and from nothing else.

What is not sealed is not said, so the document is the same however often it is drawn.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from exchange.models import Delivery, Instrument
from settlement.contracts.terms import EARNEST_CAP_BP, Terms, read_terms
from settlement.models import ContractPaper, ContractSignature
from settlement.quality.rules import read_rules
from web import display, words
from web.documents import sheet
from web.documents.capitals import capitals
from web.documents.rules import adjustment_words, reject_words
from web.documents.sheet import Clauses, Facts, Note, Part, Section, Table

LANGUAGES = {"zh": "zh-hans", "en": "en"}
"""What `?lang=` may ask for, and the catalogue behind it. The Chinese text is the contract's."""


def pdf(paper: ContractPaper, signatures: Sequence[ContractSignature], language: str) -> bytes:
    """Return the contract as PDF with its canonical text attached; `language` of `LANGUAGES`.

    The same paper gives the same bytes. Raises `KeyError` for a paper of the first format, which
    does not say enough.
    """
    with override(LANGUAGES[language]):
        return sheet.draw(content(paper, signatures, language))


def content(
    paper: ContractPaper, signatures: Sequence[ContractSignature], language: str
) -> sheet.Content:
    """Return what the document says, in the active language."""
    return _Contract(paper, signatures, language).content()


def is_drawable(paper: ContractPaper | None) -> bool:
    """Say whether a paper says all that the document needs; the first format does not."""
    return paper is not None and paper.seq > 0


class _Contract:
    """One paper, read."""

    def __init__(
        self, paper: ContractPaper, signatures: Sequence[ContractSignature], language: str
    ) -> None:
        self.paper = paper
        self.signatures = signatures
        self.language = language
        self.said: dict[str, Any] = json.loads(paper.text)
        self.made_at = dt.datetime.fromisoformat(self.said["made_at"])
        self.number = words.numbered(self.said["venue"], self.said["trade_id"])
        self.is_accepted = self.said["discharge"] == Delivery.ACCEPTANCE
        self.counted = Instrument(unit=self.said["unit"], lot_kg=self.said["lot_kg"])

    def content(self) -> sheet.Content:
        venue = self.own("venue_name")
        intro = _(
            "本合同由买卖双方经%(venue)s订立。市场经营者提供交易、交收与结算服务，"
            "既不是本合同的买方或卖方，也不为任何一方提供担保。"
        ) % {"venue": venue}
        if self.language == "en":
            # Translators: in Chinese documents this stays unused.
            intro += " " + _("英文译本仅供阅读，以中文文本为准。")
        return sheet.Content(
            title=_("大宗商品现货买卖合同"),
            intro=intro,
            running=venue,
            mark=_("合同编号 %(number)s") % {"number": self.number},
            language="en" if self.language == "en" else "zh-CN",
            author=venue,
            at=self.made_at,
            sections=self.sections(),
            attachment=sheet.Attachment(
                name=f"{self.number}.json",
                content=self.paper.text.encode(),
                mime_type="application/json",
                description=f"SHA-256 {self.paper.sha256}",
            ),
        )

    def sections(self) -> list[Section]:
        titled = [
            (_("当事人"), self.parties()),
            (_("标的与仓单"), self.goods()),
            (_("数量与价款"), self.price()),
            (_("质量"), self.quality()),
            (_("付款、交收与风险"), self.performance()),
        ]
        if self.is_accepted:
            terms = read_terms(self.said["terms"])
            titled.append((_("验收与结算"), self.acceptance(terms)))
            titled.append((_("违约责任"), self.default(terms)))
        titled.append((_("争议解决"), self.dispute()))
        titled.append((_("规则与文本"), self.rules()))
        titled.append((_("签署记录"), self.signed()))
        return [
            Section(f"{_article(number, self.language)} {title}", parts)
            for number, (title, parts) in enumerate(titled, start=1)
        ]

    def parties(self) -> list[Part]:
        rows = []
        for side, label in (("buyer", _("买方")), ("seller", _("卖方"))):
            party = self.said[side]
            name = party["name"]
            if self.language == "en" and party["name_en"]:
                name = f"{party['name_en']} ({name})"
            rows.append((label, name))
            rows.append((_("统一社会信用代码"), party["uscc"]))
        rows.append((_("交易市场"), self.own("venue_name")))
        return [Facts(rows)]

    def goods(self) -> list[Part]:
        said = self.said
        kind = _("提货验收") if self.is_accepted else _("仓单过户")
        facts = Facts(
            [
                (_("合同编号"), self.number),
                (_("成交时间"), _("%(at)s（北京时间）") % {"at": display.moment(self.made_at)}),
                (_("商品"), f"{self.own('goods_name')}  {said['instrument']}"),
                (_("品级"), self.own("grade")),
                (_("交收方式"), kind),
                (_("交货条件"), display.basis_name(said["delivery_basis"])),
                (_("交收仓库"), f"{self.own('warehouse_name')}  {said['warehouse']}"),
                (_("仓库所在地"), said["warehouse_city"]),
            ]
        )
        receipts = Table(
            head=[_("序号"), _("仓单号"), _("货位或批号"), _("数量"), _("重量（吨）")],
            shares=[8, 26, 34, 16, 16],
            rows=[
                [
                    str(position),
                    row["number"],
                    row["pile"],
                    display.quantity(row["lots"], self.counted),
                    display.tonnes(row["weight_kg"]),
                ]
                for position, row in enumerate(said["receipts"], start=1)
            ],
            numbers=frozenset({3, 4}),
        )
        return [facts, receipts]

    def price(self) -> list[Part]:
        said = self.said
        basis = said["terms"]["quality"]["weight_basis"]
        each = _("%(price)s 元/吨（含增值税）") % {
            "price": display.money(said["price_fen_per_t"]).removeprefix("¥")
        }
        rows = [
            (_("数量"), display.quantity(said["quantity_lots"], self.counted)),
            (_("重量"), _("%(weight)s 吨") % {"weight": display.tonnes(said["weight_kg"])}),
            (_("计重方法"), words.word(basis["method"], "weight_method")),
            (_("计重依据"), words.word(basis["final"], "weight_final")),
            (_("溢短装"), self.tolerance()),
            (_("单价"), each),
            (_("含税总价"), display.money(said["value_fen"])),
            (_("大写"), capitals(said["value_fen"])),
            (_("不含税金额"), display.money(said["net_fen"])),
            (
                _("增值税（%(rate)s%%）") % {"rate": said["vat_pct"]},
                display.money(said["vat_fen"]),
            ),
        ]
        return [Facts(rows)]

    def tolerance(self) -> str:
        if not self.is_accepted:
            return _("无，以仓单记载的重量为准")
        kept = read_terms(self.said["terms"]).tolerance
        if not kept.plus_bp and not kept.minus_bp:
            return _("无，按实际交付重量结算")
        return _("溢 %(plus)s、短 %(minus)s 以内由卖方选择，按实际交付重量以合同价结算") % {
            "plus": display.basis_points(kept.plus_bp),
            "minus": display.basis_points(kept.minus_bp),
        }

    def quality(self) -> list[Part]:
        rows = [
            [
                row["zh"],
                row["code"],
                _plain(row.get("base", "—")),
                _range(row),
                row.get("unit", "—"),
                words.word(row.get("basis", "—"), "quality_basis"),
            ]
            for row in self.said["terms"]["quality"]["attributes"]
        ]
        head = [_("指标"), _("代码"), _("约定值"), _("范围"), _("单位"), _("基准")]
        table = Table(head=head, shares=[24, 18, 18, 26, 12, 14], rows=rows)
        if self.is_accepted:
            return [table]
        text = _(
            "货物质量以仓单及其所附单证的记载为准，过户后不作价格或重量调整；法律另有规定的除外。"
        )
        return [table, Note(text)]

    def performance(self) -> list[Part]:
        said = self.said
        texts = self.by_acceptance() if self.is_accepted else self.by_receipt()
        storage = said["storage"]
        values = {
            "fee": storage["fee_per_t_day"],
            "free": storage["free_days"],
            "loss": storage["natural_loss_pct"],
        }
        texts.append(
            _(
                "仓储费为每吨每日 %(fee)s 元，自货物入库起免费 %(free)s 日，"
                "由仓库向仓单持有人收取：货权转移之日以前由卖方承担，自货权转移之日起由买方承担。"
                "约定的自然损耗为 %(loss)s%%。"
            )
            % values
        )
        return [Clauses(texts)]

    def by_receipt(self) -> list[str]:
        return [
            _("成交时买方的全部货款与卖方仓单项下的货物均已锁定。"),
            _("货权与货款在同一步骤中相互转移（货款两讫）；任何一方未完成的，另一方也不发生转移。"),
            _(
                "仓单过户须由保管人签名（民法典第九百一十条）；保管人签名后，"
                "买方可以在上述仓库提货。"
            ),
            _("货物毁损、灭失的风险自货权转移时起由买方承担（民法典第六百零四条）。"),
            _("买方于 %(day)s 以前不得再行卖出本合同项下的货物。")
            % {"day": self.said["resale_from"]},
        ]

    def by_acceptance(self) -> list[str]:
        said = self.said
        terms = read_terms(said["terms"])
        deposit = display.basis_points(said["deposit_bp"])
        if said["pay_by"]:
            pay_by = display.moment(dt.datetime.fromisoformat(said["pay_by"]))
            paid = _(
                "成交时买方已锁定合同价款的 %(deposit)s 作为履约款；"
                "其余价款、溢装上限的货款与买方交易费，应于 %(at)s（北京时间）以前付清。"
            ) % {"deposit": deposit, "at": pay_by}
            late = _(
                "逾期付款的，按未付金额每日 %(late)s 支付逾期费，不足一日按一日计；"
                "逾期超过 %(grace)s 日的，为买方违约。"
            ) % {
                "late": display.basis_points(terms.late_bp_per_day),
                "grace": terms.grace_days,
            }
            first = [paid, late]
        else:
            first = [_("成交时买方已锁定全部合同价款、溢装上限的货款与买方交易费。")]
        values = {"days": terms.delivery_days}
        return [
            *first,
            _(
                "买方应在付清货款后 %(days)s 日内开具提货单，逾期为买方违约；"
                "卖方应自提货单开具起 %(days)s 日内在上述仓库交付，期满一车未交为卖方违约。"
            )
            % values,
            _("货物逐车过磅，凭提货单所载提货码装车；交付重量以磅单为准。"),
            _(
                "货权与货款在双方确认结算单后于同一步骤中相互转移（货款两讫）；"
                "货物毁损、灭失的风险自交付时起由买方承担（民法典第六百零四条）。"
            ),
        ]

    def acceptance(self, terms: Terms) -> list[Part]:
        said = self.said
        rules = read_rules(said["terms"]["quality"])
        texts = [
            _(
                "买方应在交付完毕后 %(days)s 日内验收；期满未提出异议的，视为数量和质量符合约定"
                "（民法典第六百二十一条）。"
            )
            % {"days": terms.inspection_days},
            _("检验机构：%(agencies)s；以%(final)s为准。")
            % {
                "agencies": _("、").join(said["inspection_agencies"]),
                "final": words.word(said["inspection_final"], "inspection_final"),
            },
            _(
                "对重量或质量有异议的，应在 %(days)s 日内完成复磅或第三方复检；"
                "第三方的检验证书优先。"
            )
            % {"days": terms.umpire_days},
            _(
                "短交超过溢短装下限的，缺少部分按第七条计违约金；"
                "超交超过上限的，买方可以按合同价接收或拒收超出部分（民法典第六百二十九条）。"
            ),
            _(
                "结算单依次调整单价、重量，最后舍入到分；双方应在 %(days)s 日内确认，"
                "期满未提出异议的视为同意。"
            )
            % {"days": terms.statement_days},
            _(
                "结算价款的 %(kept)s 留存至买方接受卖方发票时支付；"
                "卖方应在交收完成后 %(days)s 日内开具与结算单一致的增值税发票。"
            )
            % {"kept": display.basis_points(terms.retention_bp), "days": terms.invoice_days},
        ]
        adjustments = Table(
            head=[_("序号"), _("指标"), _("调整"), _("规则")],
            shares=[8, 24, 14, 66],
            rows=[
                [str(position), *adjustment_words(rule, rules)]
                for position, rule in enumerate(rules.adjustments, start=1)
            ],
        )
        parts: list[Part] = [Clauses(texts), adjustments]
        if rules.kg_per_m:
            sizes = _("；").join(
                f"{size} {display.plain(kg)}" for size, kg in rules.kg_per_m.items()
            )
            parts.append(Note(_("理论质量（kg/m）%(sizes)s") % {"sizes": sizes}))
        if rules.rejects:
            parts.append(
                Table(
                    head=[_("指标"), _("拒收界限"), _("后果")],
                    shares=[38, 37, 37],
                    rows=[reject_words(reject, rules) for reject in rules.rejects],
                )
            )
        return parts

    def default(self, terms: Terms) -> list[Part]:
        texts = [
            _("买方违约金为合同价款的 %(buyer)s，卖方违约金为合同价款的 %(seller)s。")
            % {
                "buyer": display.basis_points(terms.buyer_penalty_bp),
                "seller": display.basis_points(terms.seller_penalty_bp),
            },
        ]
        if self.said["deposit_bp"] < 10_000:
            texts.append(
                _(
                    "成交时锁定的 %(deposit)s 具有定金效力，但以合同价款的 %(cap)s 为限"
                    "（民法典第五百八十六条、第五百八十七条）。"
                )
                % {
                    "deposit": display.basis_points(self.said["deposit_bp"]),
                    "cap": display.basis_points(EARNEST_CAP_BP),
                }
            )
            texts.append(
                _(
                    "守约方应在 %(days)s 日内在违约金与定金罚则中选择其一，不得并用"
                    "（民法典第五百八十八条）；期满未选择的，适用金额较大者。"
                )
                % {"days": terms.remedy_days}
            )
        return [Clauses(texts)]

    def dispute(self) -> list[Part]:
        texts = [
            _("因本合同发生的争议，双方应先行协商；协商不成的，可以请求市场调解。"),
        ]
        if self.is_accepted:
            texts.append(
                _(
                    "对结算金额的争议，对方应在 %(response)s 日内答辩，"
                    "调解期为 %(conciliation)s 日，调解不成的由专家组裁决，"
                    "任何一方可以在 %(appeal)s 日内申请一次复议；"
                    "争议期间仅冻结有争议的金额。"
                )
                % self.said["dispute_days"]
            )
        texts.append(
            _(
                "上述程序不影响任何一方依法向有管辖权的人民法院起诉；"
                "双方另有书面仲裁协议的，从其约定。"
            )
        )
        return [Clauses(texts)]

    def rules(self) -> list[Part]:
        rows = [
            (_("规范文本格式"), str(self.said["format"])),
            (_("交易引擎版本"), self.paper.engine_version),
        ]
        if self.said["rules_sha256"]:
            rows.append((_("调整规则 SHA-256"), self.said["rules_sha256"]))
        if version := self.said["terms"].get("rules"):  # contracts older than versions name none
            rows += [
                (_("市场规则版本"), _("第 %(number)s 版") % {"number": version["number"]}),
                (_("该版本文本 SHA-256"), version["sha256"]),
            ]
        texts = [
            _("本合同的各项参数以成交时为准，此后市场规则或参数的变更不影响本合同。"),
            _(
                "本文件由规范文本（JSON）生成，规范文本作为附件载于本文件之内；"
                "两者不一致的，以规范文本为准。"
            ),
        ]
        return [Clauses(texts), Facts(rows)]

    def signed(self) -> list[Part]:
        texts = [
            _(
                "双方依入市协议以数据电文形式订立本合同：交易员提交委托即为签署，"
                "委托成交时合同成立（民法典第四百九十一条、电子商务法第四十九条）。"
            ),
            _(
                "下列记录载明签署人、签署时间与合同摘要，供查验内容是否完整、未被更改"
                "（电子签名法第五条、第六条、第十三条）；本文件未附第三方电子认证机构的签章。"
            ),
        ]
        parts: list[Part] = [Clauses(texts)]
        for row in self.signatures:
            label = _("买方") if row.side == "buyer" else _("卖方")
            number = _("用户 %(number)s") % {"number": row.trader_id}
            at = _("%(at)s（北京时间）") % {"at": display.precise(row.ordered_at)}
            parts.append(
                Facts(
                    [
                        (_("签署方"), f"{label}  {self.said[row.side]['name']}"),
                        (_("交易员"), f"{row.signer}  {number}".strip()),
                        (_("委托编号"), f"{row.order_id}"),
                        (_("客户端委托号"), row.client_order_id),
                        (_("委托记入日志的时间"), at),
                    ]
                )
            )
        made = _("%(at)s（北京时间）") % {"at": display.precise(self.made_at)}
        parts.append(
            Facts(
                [
                    (_("成交记入日志的时间"), made),
                    (_("日志区块"), str(self.paper.seq)),
                    (_("区块哈希"), self.paper.block_hash),
                    (_("规范文本 SHA-256"), self.paper.sha256),
                ]
            )
        )
        return parts

    def own(self, field: str) -> str:
        """Return a bilingual field in the document's language; Chinese where English is empty."""
        both = self.said[field]
        return str(both[self.language] or both["zh"])


def _article(number: int, language: str) -> str:
    """Return the number of an article, up to ten: 第三条 in Chinese, 3. in English."""
    return f"{number}." if language == "en" else f"第{'一二三四五六七八九十'[number - 1]}条"


def _plain(value: Any) -> str:
    return {"required": _("必填"), "required_if_import": _("进口货物必填")}.get(value, str(value))


def _range(row: dict[str, Any]) -> str:
    """Return the bounds of an attribute, or the values that it may have."""
    if "enum" in row:
        return _("、").join(str(one) for one in row["enum"])
    bounds = [
        sign + str(row[name])
        for name, sign in (("min", "≥ "), ("max", "≤ "), ("max_abs", "± "))
        if name in row
    ]
    return _("，").join(bounds) or "—"
