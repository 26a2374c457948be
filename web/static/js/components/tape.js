// The newest trades, newest first.
import { amount, clock, price } from "../core/fmt.js";
import { make } from "../core/dom.js";

export function renderTape(root, trades, instrument) {
  root.replaceChildren(...trades.slice(0, 40).map(([id, ticks, lots, side, at]) =>
    make("tr", { "data-testid": "tape-row", "data-trade": id },
      make("td", { class: side === 1 ? "up" : "down" }, `${side === 1 ? "▲" : "▼"} ${price(ticks, instrument)}`),
      make("td", { class: "num" }, amount(lots, instrument)),
      make("td", { class: "num faint" }, clock(at)))));
}
