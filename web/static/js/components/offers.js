// The offers of a listed book: each names its firm, its goods and its price; one is lifted at a time.
import { clock, gettext, price, quantity } from "../core/fmt.js";
import { make } from "../core/dom.js";

export function renderOffers(root, offers, { instrument, firm, standings, onLift, mayTrade }) {
  const rows = offers.filter((one) => one.open);
  const sells = rows.filter((one) => one.side === 2).sort((a, b) => a.price - b.price || a.order - b.order);
  const buys = rows.filter((one) => one.side === 1).sort((a, b) => b.price - a.price || a.order - b.order);
  if (!rows.length) {
    root.replaceChildren(make("tr", {}, make("td", { colspan: "6", class: "faint" }, gettext("暂无挂牌。可在右侧发布挂牌。"))));
    return;
  }
  root.replaceChildren(...[...sells, ...buys].map((one) => {
    const own = one.firm === firm;
    const button = own || !mayTrade
      ? make("span", { class: "faint" }, own ? gettext("本企业") : "")
      : make("button", { type: "button", class: "button small", "data-testid": "offer-lift", "data-order": one.order, onclick: () => onLift(one) }, gettext("摘牌"));
    return make("tr", { "data-testid": "offer-row", "data-order": one.order, "data-price": one.price },
      make("td", {}, make("span", { class: one.side === 2 ? "down" : "up" }, one.side === 2 ? gettext("卖") : gettext("买"))),
      make("td", { class: "num" }, price(one.price, instrument)),
      make("td", { class: "num" }, quantity(one.open, instrument)),
      make("td", { class: "nowrap" }, one.firm, ...(standings[one.firm] ? [" ", make("small", { class: "faint", title: gettext("评价（次数）") }, standings[one.firm])] : []), ...(one.directed ? [" ", make("span", { class: "chip quiet" }, gettext("定向"))] : [])),
      make("td", { class: "faint num" }, clock(one.at)),
      make("td", { class: "num" }, button));
  }));
}
