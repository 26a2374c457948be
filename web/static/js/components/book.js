// Price levels in fixed rows; a click fills the ticket and never sends.
import { amount, price } from "../core/fmt.js";
import { asks, bids } from "../core/feed.js";
import { make, text } from "../core/dom.js";

export class OrderBook {
  constructor(root, instrument, onPick) {
    this.instrument = instrument;
    this.onPick = onPick;
    this.sides = { ask: root.querySelector("[data-side=ask]"), bid: root.querySelector("[data-side=bid]") };
    this.rows = { ask: [], bid: [] };
    this.own = new Set();
    for (const side of ["ask", "bid"]) {
      // The price under the pointer when it goes down counts: the row may move before it comes up.
      this.sides[side].addEventListener("pointerdown", (event) => {
        this.armed = event.target.closest("button")?.dataset.price;
      });
      this.sides[side].addEventListener("click", (event) => {
        const row = event.target.closest("button");
        const chosen = event.detail && this.armed ? this.armed : row?.dataset.price;
        if (chosen) this.onPick(Number(chosen), side);
      });
      this.sides[side].addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const all = [...this.sides[side].children];
        all[all.indexOf(document.activeElement) + step]?.focus();
      });
    }
    new ResizeObserver(() => { if (this.book) this.render(this.book); }).observe(root);
  }

  fit(side) {
    const box = this.sides[side];
    const height = box.clientHeight;
    const wanted = Math.max(5, Math.floor(height / (innerWidth <= 760 ? 30 : 24)));
    const rows = this.rows[side];
    while (rows.length < wanted) {
      const row = make("button", { type: "button", class: "level", tabindex: "-1" });
      row.parts = ["sum", "size", "p", "q", "c"].map((name) => make("span", { class: name }));
      row.append(...row.parts);
      if (side === "ask") box.prepend(row); else box.append(row);
      rows.push(row);
    }
    while (rows.length > wanted) rows.pop().remove();
    if (rows[0]) rows[0].tabIndex = 0;
    return rows;
  }

  render(book) {
    this.book = book;
    const levels = { ask: asks(book), bid: bids(book) };
    const shown = { ask: this.fit("ask"), bid: this.fit("bid") };
    let most = 1;
    let total = 1;
    for (const side of ["ask", "bid"]) {
      let sum = 0;
      levels[side].slice(0, shown[side].length).forEach((level) => { sum += level[1]; most = Math.max(most, level[1]); });
      total = Math.max(total, sum);
    }
    for (const side of ["ask", "bid"]) {
      let sum = 0;
      shown[side].forEach((row, index) => {
        const level = levels[side][index];
        row.classList.toggle("empty", !level);
        row.disabled = !level;
        if (!level) { delete row.dataset.price; delete row.dataset.testid; row.parts.slice(2).forEach((one) => text(one, "")); return; }
        sum += level[1];
        if (row.dataset.price !== String(level[0])) {
          row.dataset.price = level[0];
          row.dataset.testid = `book-${side}-${level[0]}`;
          text(row.parts[2], price(level[0], this.instrument));
        }
        row.classList.toggle("own", this.own.has(level[0]));
        text(row.parts[3], amount(level[1], this.instrument));
        text(row.parts[4], amount(sum, this.instrument));
        row.parts[0].style.transform = `scaleX(${sum / total})`;
        row.parts[1].style.transform = `scaleX(${level[1] / most})`;
      });
    }
  }
}
