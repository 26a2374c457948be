// The order ticket: price, quantity, receipts, cost before sending, and one confirmation.
import { amount, gettext, money, plain, price, quantity, today, toLots, toTicks } from "../core/fmt.js";
import { $, make, text } from "../core/dom.js";
import { Terms } from "./terms.js";

// Cost of a buy in fen, exactly as the engine holds it (matching.units): integers, once rounded.
export function cost(ticks, lots, one) {
  const kg = BigInt(lots) * BigInt(one.piece_max_kg || one.lot_kg);
  const value = (BigInt(ticks) * BigInt(one.tick_fen_per_t) * kg + 500n) / 1000n;
  const tolerance = 10_000n + BigInt(one.plus_tolerance_bp);
  const covered = (value * BigInt(one.cover_bp) * tolerance + 99_999_999n) / 100_000_000n;
  const fee = (value * BigInt(one.buyer_fee_bp)) / 10_000n;
  const hold = covered + (((value * tolerance) / 10_000n) * BigInt(one.buyer_fee_bp)) / 10_000n;
  const base = 100n + BigInt(one.vat_pct);
  const net = (value * 200n + base) / (2n * base);
  return { value: Number(value), fee: Number(fee), hold: Number(hold), vat: Number(value - net), sellerFee: Number((value * BigInt(one.seller_fee_bp)) / 10_000n) };
}

export class Ticket {
  constructor(root, instrument, { feed, getBook, getFunds, getOffers, getReceipts, getTicker }) {
    Object.assign(this, { root, instrument, feed, getBook, getFunds, getOffers, getReceipts, getTicker });
    this.side = "buy";
    this.lifting = null; // the one offer that is lifted
    this.best = false; // the best offers are lifted, up to the price
    this.terms = new Terms(root, instrument, () => feed.now());
    this.busy = false;
    this.price = $("[name=price]", root);
    this.quantity = $("[name=quantity]", root);
    this.submitButton = $("[data-testid=ticket-submit]", root);
    this.message = $("[data-testid=ticket-message]", root);
    this.dialog = document.getElementById("confirm");
    root.addEventListener("submit", (event) => { event.preventDefault(); this.confirm(); });
    root.addEventListener("input", () => this.render());
    for (const button of root.querySelectorAll("[data-set-side]")) {
      button.addEventListener("click", () => { this.stopLifting(); this.setSide(button.dataset.setSide); });
    }
    for (const button of root.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => this.step(button.dataset.step, Number(button.dataset.by)));
    }
    for (const button of root.querySelectorAll("[data-peg]")) {
      button.addEventListener("click", () => this.peg(button.dataset.peg));
    }
    for (const button of root.querySelectorAll("[data-part]")) {
      button.addEventListener("click", () => this.part(Number(button.dataset.part)));
    }
    this.price.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (by) { event.preventDefault(); this.step("price", event.shiftKey ? by * 10 : by); }
    });
    $("[data-cancel-lift]", root)?.addEventListener("click", () => this.stopLifting());
    $("[data-testid=confirm-ok]").addEventListener("click", () => { this.dialog.close(); this.send(); });
    $("[data-confirm-back]").addEventListener("click", () => this.dialog.close());
    this.setSide("buy");
  }

  setSide(side) {
    this.side = side;
    this.root.dataset.side = side;
    for (const button of this.root.querySelectorAll("[data-set-side]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setSide === side));
    }
    this.render();
  }

  fill(ticks, side) {
    this.price.value = plain(price(ticks, this.instrument));
    if (side) this.setSide(side);
    this.render();
  }

  lift(offer) {
    this.lifting = offer;
    this.fill(offer.price, offer.side === 2 ? "buy" : "sell");
    this.quantity.value = plain(amount(offer.open, this.instrument));
    this.price.readOnly = true;
    this.render();
    this.quantity.focus();
  }

  liftBest(side) {
    this.stopLifting();
    this.best = true;
    const [first] = this.liftable(side);
    if (first) this.fill(first.price, side);
    else this.setSide(side);
    this.quantity.focus();
  }

  // What this firm may lift, the best first; the engine knows of related firms, too.
  liftable(side) {
    const way = side === "buy" ? 1 : -1;
    const offers = this.getOffers().filter((one) => one.open && one.side === (side === "buy" ? 2 : 1));
    return offers.sort((a, b) => way * (a.price - b.price) || a.order - b.order);
  }

  get lifts() { return this.best || this.lifting !== null; }

  stopLifting() {
    this.lifting = null;
    this.best = false;
    this.price.readOnly = false;
    this.render();
  }

  step(what, by) {
    if (what === "price") {
      if (this.lifting) return;
      const now = toTicks(this.price.value, this.instrument) ?? this.getTicker()?.reference ?? 1;
      this.price.value = plain(price(Math.max(1, now + by), this.instrument));
    } else {
      const now = toLots(this.quantity.value, this.instrument) ?? 0;
      const next = Math.max(this.instrument.min_lots, now + by * this.instrument.step_lots);
      this.quantity.value = plain(amount(next, this.instrument));
    }
    this.render();
  }

  peg(kind) {
    const row = this.getTicker();
    if (!row || this.lifting) return;
    const opposite = this.side === "buy" ? row.ask : row.bid;
    const own = this.side === "buy" ? row.bid : row.ask;
    const ticks = { opposite, own, beyond: opposite && opposite + (this.side === "buy" ? 5 : -5), last: row.last }[kind] || row.last || row.reference;
    this.fill(Math.min(Math.max(ticks, row.low_limit), row.high_limit));
  }

  // A part of what money or goods allow, in whole steps.
  part(percent) {
    const one = this.instrument;
    const ticks = toTicks(this.price.value, one) ?? this.getTicker()?.reference;
    let most;
    if (this.side === "buy") {
      const unit = cost(ticks, one.step_lots, one).hold;
      most = Math.floor((this.getFunds()?.available ?? 0) / Math.max(unit, 1)) * one.step_lots;
    } else most = this.sellable().reduce((sum, receipt) => sum + receipt.free, 0);
    const lots = Math.min(Math.floor((most * percent) / 100 / one.step_lots) * one.step_lots, one.max_lots);
    this.quantity.value = lots >= one.min_lots ? plain(amount(lots, one)) : "";
    this.render();
  }

  sellable() {
    return [...(this.getReceipts()?.values() ?? [])].filter((one) => one.instrument === this.instrument.id && one.free && one.from_day <= today(this.feed.now()));
  }

  chosenReceipts() {
    const select = $("[name=receipts]", this.root);
    return this.side === "sell" && select?.value ? [Number(select.value)] : [];
  }

  read() {
    const ticks = this.lifting ? this.lifting.price : toTicks(this.price.value, this.instrument);
    return { ticks, lots: toLots(this.quantity.value, this.instrument) };
  }

  // What can be said before asking the engine; the engine decides.
  checks() {
    const one = this.instrument;
    const { ticks, lots } = this.read();
    const row = this.getTicker();
    const checks = [];
    const add = (ok, words) => checks.push({ ok, words });
    // Nothing typed is no mistake yet: the button stays locked, and nobody is scolded.
    const blank = !this.price.value.trim() || !this.quantity.value.trim();
    if (blank) { /* wait */ } else if (ticks === null) add(false, gettext("价格不是最小变动价位的整数倍"));
    else if (row) add(ticks >= row.low_limit && ticks <= row.high_limit, `${gettext("涨跌停")} ${price(row.low_limit, one)} – ${price(row.high_limit, one)}`);
    if (this.best && !blank) {
      const beyond = (one) => (this.side === "buy" ? one.price > ticks : one.price < ticks);
      const open = this.liftable(this.side).filter((one) => !beyond(one)).reduce((sum, one) => sum + one.open, 0);
      add(lots !== null && open > 0, `${gettext("限价内可摘")} ${quantity(open, one)}`);
    } else if (!this.lifts && !blank) {
      if (lots === null || lots % one.step_lots) add(false, `${gettext("每档")} ${quantity(one.step_lots, one)}`);
      else add(lots >= one.min_lots && lots <= one.max_lots, `${gettext("数量")} ${quantity(one.min_lots, one)} – ${quantity(one.max_lots, one)}`);
    } else if (this.lifting) add(lots !== null && lots <= this.lifting.open, `${gettext("剩余")} ${quantity(this.lifting.open, one)}`);
    if (ticks !== null && lots) {
      if (this.side === "buy") {
        const left = (this.getFunds()?.available ?? 0) - cost(ticks, lots, one).hold;
        add(left >= 0, `${gettext("委托后可用")} ${money(left)}`);
      } else {
        const free = this.sellable().reduce((sum, receipt) => sum + receipt.free, 0);
        add(free >= lots, `${gettext("可卖仓单")} ${quantity(free, one)}`);
      }
    }
    if (!this.lifts) for (const words of this.terms.faults()) add(false, words);
    if (this.feed.stale) add(false, gettext("行情中断，暂停下单"));
    else if (this.feed.state !== "open") add(false, gettext("市场正在恢复"));
    if (row?.halted) add(false, gettext("该商品已暂停交易"));
    else if (row && row.phase !== 4 && !(row.phase === 3 && one.mode === "matched")) add(false, gettext("当前时段不接受委托"));
    return checks;
  }

  render() {
    const one = this.instrument;
    const { ticks, lots } = this.read();
    const checks = this.checks();
    const good = checks.every((check) => check.ok) && ticks !== null && lots;
    const word = this.word();
    const act = ticks !== null && lots ? `${word} ${quantity(lots, one)} @ ${price(ticks, one)}` : word;
    if (!this.busy) text(this.submitButton, act);
    this.submitButton.disabled = this.busy || !good;
    const lines = {};
    if (ticks !== null && lots) {
      const sums = cost(ticks, lots, one);
      lines.value = money(sums.value);
      lines.vat = money(sums.vat);
      lines.fee = money(this.side === "buy" ? sums.fee : sums.sellerFee);
      lines.hold = this.side === "buy" ? money(sums.hold) : quantity(lots, one);
    }
    for (const name of ["value", "vat", "fee", "hold"]) text($(`[data-line=${name}]`, this.root), lines[name] ?? "—");
    text($("[data-line-name=hold]", this.root), this.side === "buy" ? gettext("冻结资金") : gettext("冻结仓单"));
    $(".checks", this.root).replaceChildren(...checks.map((check) =>
      make("li", { class: check.ok ? "ok" : "no" }, `${check.ok ? "✓" : "✕"} ${check.words}`)));
    const liftNote = $("[data-lift-note]", this.root);
    if (liftNote) {
      liftNote.hidden = !this.lifts;
      if (this.best) text($("span", liftNote), gettext("择优摘牌：自最优价起逐笔摘取，不超过限价，余量放弃"));
      if (this.lifting) text($("span", liftNote), `${gettext("摘牌")} ${this.lifting.firm} · ${price(this.lifting.price, one)}`);
    }
    this.terms.render(this.lifts);
    this.renderReceipts();
  }

  renderReceipts() {
    const label = $("[data-receipts]", this.root);
    if (!label) return;
    label.hidden = this.side !== "sell";
    const select = $("select", label);
    const wanted = ["", ...this.sellable().map((one) => String(one.receipt))];
    if (wanted.join() !== [...select.options].map((option) => option.value).join()) {
      const chosen = select.value;
      select.replaceChildren(make("option", { value: "" }, gettext("自动：最早可卖仓单")), ...this.sellable().map((one) =>
        make("option", { value: one.receipt }, `#${one.receipt} · ${quantity(one.free, this.instrument)}`)));
      select.value = wanted.includes(chosen) ? chosen : "";
    }
  }

  word() {
    if (this.best) return this.side === "buy" ? gettext("择优买入") : gettext("择优卖出");
    if (this.lifting) return this.side === "buy" ? gettext("摘牌买入") : gettext("摘牌卖出");
    if (this.instrument.mode === "listed") return this.side === "buy" ? gettext("挂牌买入") : gettext("挂牌卖出");
    return this.side === "buy" ? gettext("买入") : gettext("卖出");
  }

  // Five trading days between buying and selling (国发〔2011〕38号).
  resale() {
    if (this.instrument.resale_rule === "product") return gettext("成交后五个交易日内，本企业及关联企业不得反向买卖该品种");
    return this.side === "buy" ? gettext("所买仓单自第五个交易日起可卖出") : gettext("不限");
  }

  // The law asks for a chance to correct what was typed before it binds (电子商务法 art. 50).
  confirm() {
    if (this.submitButton.disabled) return;
    const one = this.instrument;
    const { ticks, lots } = this.read();
    const sums = cost(ticks, lots, one);
    const rows = [
      [gettext("方向"), this.word()], [gettext("商品"), `${one.name} · ${one.grade}`], [gettext("交收"), `${one.warehouse} · ${one.basis_name}`],
      [this.best ? gettext("限价（最差可接受价）") : gettext("价格"), `${price(ticks, one)} ${gettext("元/吨 含税")}`], [gettext("数量"), quantity(lots, one)],
      [gettext("货款（含税）"), money(sums.value)], [gettext("其中增值税"), `${money(sums.vat)} (${one.vat_pct}%)`],
      [gettext("手续费"), money(this.side === "buy" ? sums.fee : sums.sellerFee)],
      [gettext("冻结"), this.side === "buy" ? money(sums.hold) : quantity(lots, one)],
    ];
    rows.push([gettext("买卖间隔"), this.resale()]);
    if (this.lifting) rows.push([gettext("对手方"), this.lifting.firm]);
    else if (!this.best) rows.push(...this.terms.rows());
    $("dl", this.dialog).replaceChildren(...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    text($("[data-testid=confirm-ok]"), this.word());
    const wanted = { instrument: one.id, side: this.side, price: ticks, lots, receipts: this.chosenReceipts() };
    if (this.lifting) this.pending = { t: "lift", order: this.lifting.order, lots, receipts: wanted.receipts };
    else this.pending = this.best ? { t: "lift_best", ...wanted } : { t: "enter", ...wanted, ...this.terms.read() };
    this.pending.id = crypto.randomUUID().slice(0, 36); // one key a confirmation: a double click acts once
    this.dialog.showModal();
    $("[data-testid=confirm-ok]").focus();
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    this.submitButton.disabled = true;
    text(this.submitButton, gettext("提交中…"));
    this.say("", "");
    const answer = await this.feed.request(this.pending);
    this.busy = false;
    const one = this.instrument;
    if (answer.t === "ack") {
      const parts = [`${gettext("已受理")} #${answer.order_id}`];
      if (answer.executed_lots) parts.push(`${gettext("成交")} ${quantity(answer.executed_lots, one)}`);
      if (answer.open_lots) parts.push(`${answer.waiting ? gettext("等待触发") : gettext("排队")} ${quantity(answer.open_lots, one)}`);
      if (this.pending.t === "lift_best" && answer.executed_lots < this.pending.lots) parts.push(gettext("余量已放弃"));
      else if (!answer.executed_lots && !answer.open_lots) parts.push(gettext("未成交，已撤销"));
      if (answer.warned) parts.push(gettext("价格远离参考价，请留意"));
      this.say("ok", parts.join(" · "));
      this.stopLifting();
    } else if (answer.t === "unknown") this.say("no", gettext("状态未知，正在查询。请看下方委托。"));
    else this.say("no", document.documentElement.lang === "en" ? answer.en : answer.zh, answer.code);
    this.render();
  }

  say(kind, words, code = "") {
    this.message.className = `answer ${kind}`;
    this.message.dataset.code = code;
    text(this.message, words);
  }
}

