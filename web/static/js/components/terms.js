// What makes an order more than a plain limit: the fold of the ticket, and its words everywhere.
import { amount, clock, gettext, price, quantity, toLots, toTicks } from "../core/fmt.js";
import { $, text } from "../core/dom.js";

const tifs = () => ({ day: gettext("当日有效"), ioc: gettext("即时成交剩余撤销"), fok: gettext("全部成交或撤销"), gtc: gettext("撤销前有效"), gtd: gettext("指定时间前有效") });
const kinds = () => ({ limit: gettext("限价"), market_to_limit: gettext("市价转限价"), protected: gettext("保护限价"), stop: gettext("触发限价") });
const posts = () => ({ refuse: gettext("只挂单，会成交则拒绝"), reprice: gettext("只挂单，会成交则退一档") });
const TIF = ["", "day", "ioc", "fok", "gtc", "gtd"];
const KIND = ["", "limit", "market_to_limit", "protected", "stop"];

const day = (ms) => new Date(ms + 8 * 3600_000).toISOString().slice(0, 10);
const moment = (ms) => `${day(ms)} ${clock(ms)}`;

// The special terms of an order of the `orders` topic, as words; none for a plain one.
export function orderTerms(one, instrument) {
  const words = [];
  if (one.kind > 1) words.push(kinds()[KIND[one.kind]]);
  if (one.stop) words.push(`${gettext("触发价")} ${price(one.stop, instrument)}`);
  if (one.tif > 2) words.push(one.expires ? `${gettext("至")} ${moment(one.expires)}` : tifs()[TIF[one.tif]]);
  if (one.display) words.push(`${gettext("每次显示")} ${quantity(one.display, instrument)}`);
  if (one.least) words.push(`${gettext("最少")} ${quantity(one.least, instrument)}`);
  if (one.firms?.length) words.push(gettext("定向"));
  return words;
}

export class Terms {
  constructor(root, instrument, now) {
    Object.assign(this, { root, instrument, now, fold: $("[data-more]", root) });
    this.fold?.addEventListener("change", () => this.settle());
    for (const radio of root.querySelectorAll("[name=tif]")) radio.addEventListener("change", () => this.settle());
    if (this.fold) this.settle();
  }

  get tif() { return $("[name=tif]:checked", this.root)?.value ?? "day"; }
  get kind() { return this.value("kind") || "limit"; }

  // A field that does not go with the others is disabled, and then counts as empty.
  value(name) {
    const field = this.fold && $(`[name=${name}]`, this.fold);
    return field && !field.disabled ? field.value.trim() : "";
  }

  settle() {
    const { kind } = this;
    const atOnce = (tif) => tif === "ioc" || tif === "fok";
    for (const radio of this.root.querySelectorAll("[name=tif]")) {
      radio.disabled = kind === "protected" ? !atOnce(radio.value) : kind !== "limit" && atOnce(radio.value);
    }
    if ($("[name=tif]:checked", this.root)?.disabled) $("[name=tif]:not(:disabled)", this.root).checked = true;
    const now = atOnce(this.tif);
    const fits = {
      stop: kind === "stop", expires: this.tif === "gtd", display: !now, post: !now && kind === "limit",
      least: this.instrument.mode === "listed" || this.tif === "ioc",
    };
    for (const [name, fit] of Object.entries(fits)) {
      const field = $(`[name=${name}]`, this.fold);
      if (!field) continue;
      field.disabled = !fit;
      if (name === "stop" || name === "expires") field.closest("label").hidden = !fit;
    }
  }

  // The fields of the protocol; null stands for something typed that is no number or no time.
  read() {
    const one = this.instrument;
    const terms = { tif: this.tif };
    if (!this.fold) return terms;
    if (this.kind !== "limit") terms.kind = this.kind;
    if (this.kind === "stop") terms.stop = toTicks(this.value("stop"), one);
    if (this.tif === "gtd") terms.expires = Date.parse(`${this.value("expires")}:00+08:00`) || null;
    for (const name of ["display", "least"]) if (this.value(name)) terms[name] = toLots(this.value(name), one);
    if (this.value("post")) terms.post = this.value("post");
    const firms = this.value("firms").toUpperCase().split(/[\s,，、]+/).filter(Boolean);
    if (firms.length) terms.firms = firms.every((code) => /^[A-Z0-9]{1,12}$/.test(code)) ? firms : null;
    if ($("[name=until_disconnect]", this.fold)?.checked) terms.until_disconnect = true;
    return terms;
  }

  // What can be said to be wrong before the engine is asked; the engine decides.
  faults() {
    const terms = this.read();
    const faults = [];
    if (terms.stop === null) faults.push(gettext("请填写触发价"));
    if (terms.expires === null) faults.push(gettext("请填写有效时间"));
    else if (terms.expires <= this.now()) faults.push(gettext("有效时间已过"));
    for (const name of ["display", "least"]) {
      if (name in terms && (!terms[name] || terms[name] % this.instrument.step_lots)) {
        faults.push(`${name === "display" ? gettext("每次显示") : gettext("最少")}: ${gettext("每档")} ${quantity(this.instrument.step_lots, this.instrument)}`);
      }
    }
    if (terms.firms === null) faults.push(gettext("企业代码无效"));
    return faults;
  }

  // Rows of the confirmation.
  rows() {
    const one = this.instrument;
    const terms = this.read();
    const rows = [[gettext("有效期"), terms.expires ? `${gettext("至")} ${moment(terms.expires)}` : tifs()[terms.tif]]];
    if (terms.kind) rows.push([gettext("委托方式"), kinds()[terms.kind]]);
    if (terms.stop) rows.push([gettext("触发价"), `${price(terms.stop, one)} ${gettext("元/吨 含税")}`]);
    if (terms.display) rows.push([gettext("每次显示"), quantity(terms.display, one)]);
    if (terms.least) rows.push([gettext("最少"), quantity(terms.least, one)]);
    if (terms.post) rows.push([gettext("只挂单"), posts()[terms.post]]);
    if (terms.firms) rows.push([gettext("定向企业"), terms.firms.join(" ")]);
    if (terms.until_disconnect) rows.push([gettext("断线即撤"), gettext("是")]);
    return rows;
  }

  // A folded term must not be forgotten: the fold's title names what is set in it.
  render(lifting) {
    if (!this.fold) return;
    this.fold.hidden = lifting;
    const terms = this.read();
    const words = [];
    if (terms.kind) words.push(kinds()[terms.kind]);
    if (!["day", "ioc"].includes(terms.tif)) words.push(tifs()[terms.tif]);
    if (terms.display) words.push(`${gettext("每次显示")} ${amount(terms.display, this.instrument)}`);
    if (terms.least) words.push(`${gettext("最少")} ${amount(terms.least, this.instrument)}`);
    if (terms.post) words.push(gettext("只挂单"));
    if (terms.firms) words.push(gettext("定向"));
    if (terms.until_disconnect) words.push(gettext("断线即撤"));
    text($("[data-set]", this.fold), words.join(" · "));
  }
}
