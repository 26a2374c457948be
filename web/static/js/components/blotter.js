// Own orders, fills, receipts and contracts; orders are amended and cancelled in their row.
import { amount, clock, gettext, money, plain, price, quantity, tonnes, toLots, toTicks } from "../core/fmt.js";
import { make } from "../core/dom.js";
import { orderTerms } from "./terms.js";

const word = (side) => (side === 1 ? gettext("买入") : gettext("卖出"));
const tint = (side) => (side === 1 ? "up" : "down");
const states = () => ({ open: gettext("排队"), filled: gettext("全部成交"), cancelled: gettext("已撤销"), expired: gettext("已到期"), waiting: gettext("等待触发"), suspended: gettext("已挂起") });
const reasons = () => ({
  IMMEDIATE: gettext("未能立即成交的部分"), SELF_MATCH: gettext("对手为本集团委托"), MASS: gettext("批量撤单"), KILLED: gettext("交易权限被停止"),
  DISCONNECTED: gettext("连接中断"), HOLDERS: gettext("仓单持有人已达上限"), STOP_REFUSED: gettext("触发时已不能报入"), NEGOTIATION: gettext("协商已结束"),
  BAND: gettext("超出新的价格范围"), AUCTION: gettext("竞价已结束或已改报"), WITHHELD: gettext("仓单被冻结或已到期"),
});
export const isLive = (one) => ["open", "waiting", "suspended"].includes(one.state);
const contractState = (state) => ({ settled: gettext("货款两讫"), busted: gettext("成交已撤销"), ended: gettext("合同已了结") })[state] ?? gettext("待结算");
const nothing = (columns, words) => make("tr", {}, make("td", { colspan: columns, class: "faint" }, words));

export class Blotter {
  constructor(root, { feed, instruments, mayTrade, say }) {
    Object.assign(this, { root, feed, instruments, mayTrade, say });
    this.body = root.querySelector("tbody");
    this.head = root.querySelector("thead tr");
    this.tab = "orders";
    this.leaving = new Set();
    this.editing = null;
    for (const button of root.querySelectorAll("[role=tab]")) {
      button.addEventListener("click", () => {
        this.tab = button.dataset.tab;
        for (const other of root.querySelectorAll("[role=tab]")) other.setAttribute("aria-selected", String(other === button));
        this.render(this.topics);
      });
    }
  }

  columns(...names) {
    this.head.replaceChildren(...names.map((name) => make("th", { scope: "col", class: name.startsWith("#") ? "num" : "" }, name.replace("#", ""))));
  }

  render(topics) {
    this.topics = topics;
    if (this.editing && this.tab === "orders") return; // never repaint under somebody's typing
    this[this.tab](topics);
  }

  name(id) { return this.instruments.get(id)?.name ?? `#${id}`; }

  orders({ orders }) {
    this.columns(gettext("时间"), gettext("商品"), gettext("方向"), `#${gettext("价格")}`, `#${gettext("数量")}`, `#${gettext("已成交")}`, gettext("状态"), "");
    const rows = [...(orders?.values() ?? [])].filter((one) => !one.lifted).sort((a, b) => isLive(b) - isLive(a) || b.order - a.order);
    if (!rows.length) { this.body.replaceChildren(nothing(8, gettext("暂无委托"))); return; }
    this.body.replaceChildren(...rows.slice(0, 60).map((one) => this.orderRow(one)));
  }

  orderRow(one) {
    const instrument = this.instruments.get(one.instrument);
    if (!instrument) return make("tr");
    const open = isLive(one);
    const partly = one.state === "open" && one.executed;
    let state = partly ? gettext("部分成交") : states()[one.state];
    if (open && this.leaving.has(one.order)) state = gettext("撤单中…");
    const terms = orderTerms(one, instrument).join(" · ");
    const reason = reasons()[one.reason];
    const acts = make("td", { class: "num nowrap" });
    if (open && this.mayTrade) {
      if (one.state === "open") acts.append(make("button", { type: "button", class: "button small", "data-testid": "order-amend", onclick: () => this.edit(one, instrument) }, gettext("改单")), " ");
      acts.append(make("button", { type: "button", class: "button small", "data-testid": "order-cancel", onclick: () => this.cancel(one) }, gettext("撤单")));
    }
    return make("tr", { "data-testid": "orders-row", "data-order": one.order, "data-state": one.state },
      make("td", { class: "faint" }, clock(one.at)), make("td", { class: "nowrap" }, instrument.name),
      make("td", { class: tint(one.side) }, word(one.side)), make("td", { class: "num" }, price(one.price, instrument)),
      make("td", { class: "num" }, quantity(one.lots, instrument)), make("td", { class: "num" }, amount(one.executed, instrument)),
      make("td", {}, make("span", { class: `chip ${open ? (partly ? "" : "quiet") : "quiet"}` }, state), ...(terms ? [make("small", { class: "terms", title: terms }, terms)] : []), ...(reason ? [make("small", { class: "reason" }, reason)] : [])), acts);
  }

  edit(one, instrument) {
    const row = this.body.querySelector(`[data-order="${one.order}"]`);
    if (!row) return;
    this.editing = one.order;
    const field = (name, value, label) => make("input", { type: "text", inputmode: "decimal", name, value, "aria-label": label, class: "inline" });
    const newPrice = field("price", plain(price(one.price, instrument)), gettext("新价格"));
    const newLots = field("lots", plain(amount(one.lots, instrument)), gettext("新数量"));
    const done = () => { this.editing = null; this.render(this.topics); };
    const send = async () => {
      const ticks = toTicks(newPrice.value, instrument);
      const lots = toLots(newLots.value, instrument);
      if (ticks === null || lots === null) { this.say("no", gettext("价格或数量无效")); return; }
      done();
      this.told(await this.feed.request({ t: "amend", order: one.order, price: ticks, lots }), gettext("已改单"));
    };
    const keys = (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") { event.preventDefault(); send(); } else if (event.key === "Escape") done();
    };
    newPrice.addEventListener("keydown", keys);
    newLots.addEventListener("keydown", keys);
    row.children[3].replaceChildren(newPrice);
    row.children[4].replaceChildren(newLots);
    row.children[7].replaceChildren(
      make("button", { type: "button", class: "button small primary", "data-testid": "amend-ok", onclick: send }, gettext("确定")), " ",
      make("button", { type: "button", class: "button small", onclick: done }, gettext("放弃")));
    row.children[6].replaceChildren(make("span", { class: "faint" }, gettext("改价或加量将失去时间优先")));
    newPrice.select();
  }

  async cancel(one) {
    this.leaving.add(one.order);
    this.render(this.topics);
    const answer = await this.feed.request({ t: "cancel", order: one.order });
    this.leaving.delete(one.order);
    this.told(answer, gettext("已撤单"));
    this.render(this.topics);
  }

  told(answer, done) {
    if (answer.t === "ack") this.say("ok", `${done} #${answer.order_id}`);
    else if (answer.t === "unknown") this.say("no", gettext("状态未知，正在查询。请看下方委托。"));
    else this.say("no", document.documentElement.lang === "en" ? answer.en : answer.zh, answer.code);
  }

  fills({ fills }) {
    this.columns(gettext("时间"), gettext("商品"), gettext("方向"), `#${gettext("价格")}`, `#${gettext("数量")}`, `#${gettext("重量(吨)")}`, `#${gettext("货款")}`, `#${gettext("手续费")}`);
    if (!fills?.length) { this.body.replaceChildren(nothing(8, gettext("暂无成交"))); return; }
    this.body.replaceChildren(...fills.slice(0, 60).map((one) => {
      const instrument = this.instruments.get(one.instrument);
      return make("tr", { "data-testid": "trades-row", "data-trade": one.trade },
        make("td", { class: "faint" }, clock(one.at)), make("td", { class: "nowrap" }, this.name(one.instrument)),
        make("td", { class: tint(one.side) }, word(one.side)), make("td", { class: "num" }, price(one.price, instrument)),
        make("td", { class: "num" }, quantity(one.lots, instrument)), make("td", { class: "num" }, tonnes(one.weight)),
        make("td", { class: "num" }, money(one.value)), make("td", { class: "num" }, money(one.fee)));
    }));
  }

  receipts({ receipts }) {
    this.columns(gettext("仓单"), gettext("商品"), `#${gettext("可用")}`, `#${gettext("委托冻结")}`, `#${gettext("合同占用")}`, `#${gettext("重量(吨)")}`, gettext("最早可卖日"));
    const rows = [...(receipts?.values() ?? [])].toReversed();
    if (!rows.length) { this.body.replaceChildren(nothing(7, gettext("暂无仓单"))); return; }
    this.body.replaceChildren(...rows.slice(0, 80).map((one) => {
      const instrument = this.instruments.get(one.instrument);
      const day = String(one.from_day);
      return make("tr", { "data-testid": "receipt-row", "data-receipt": one.receipt },
        make("td", {}, `#${one.receipt}`), make("td", { class: "nowrap" }, this.name(one.instrument)),
        ...["free", "held", "committed"].map((name) => make("td", { class: "num" }, quantity(one[name], instrument))),
        make("td", { class: "num" }, tonnes(one.weight)),
        make("td", {}, one.from_day ? `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}` : gettext("即时")));
    }));
  }

  contracts({ contracts }) {
    this.columns(gettext("合同"), gettext("商品"), gettext("方向"), `#${gettext("价格")}`, `#${gettext("数量")}`, `#${gettext("货款")}`, gettext("对手方"), gettext("状态"));
    const rows = [...(contracts?.values() ?? [])].sort((a, b) => b.trade - a.trade);
    if (!rows.length) { this.body.replaceChildren(nothing(8, gettext("暂无合同"))); return; }
    const base = this.root.dataset.contracts;
    this.body.replaceChildren(...rows.slice(0, 60).map((one) => {
      const instrument = this.instruments.get(one.instrument);
      return make("tr", { "data-testid": "contract-row", "data-trade": one.trade, "data-state": one.state },
        make("td", {}, make("a", { href: `${base}${one.trade}/` }, `#${one.trade}`)), make("td", { class: "nowrap" }, this.name(one.instrument)),
        make("td", { class: tint(one.side) }, word(one.side)), make("td", { class: "num" }, price(one.price, instrument)),
        make("td", { class: "num" }, quantity(one.lots, instrument)), make("td", { class: "num" }, money(one.value)),
        make("td", {}, one.counterparty), make("td", {}, contractState(one.state)));
    }));
  }
}
