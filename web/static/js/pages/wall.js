// The wall board: prices for everybody, from the public feed; no cookie, no log-in.
import { Feed } from "../core/feed.js";
import { amount, change, clock, price, quantity } from "../core/fmt.js";
import { $, data, make, text, trend } from "../core/dom.js";
import { dirty, part } from "../core/loop.js";
import { status } from "../core/status.js";

const page = data("page");
const instruments = new Map(data("instruments").map((one) => [String(one.id), one]));
let rows = {};
const latest = [];
const badge = status(() => feed);
const feed = new Feed(`/ws/${page.venue}/public/`, {
  ...badge,
  onTopic(name, state, update) {
    if (name === "ticker") { rows = state.instruments; dirty("wall"); return; }
    if (!update) return;
    for (const [, ticks, lots, side] of update.trades) latest.unshift([name.split(".")[1], ticks, lots, side]);
    latest.splice(12);
    dirty("latest");
  },
  onBuild() { location.reload(); },
});
feed.subscribe("ticker");
for (const id of instruments.keys()) feed.subscribe(`trades.${id}`);

const NS = "http://www.w3.org/2000/svg";
function spark(box, prices, reference, way) {
  if (prices.length < 2) { box.replaceChildren(); return; }
  const low = Math.min(...prices, reference);
  const span = Math.max(Math.max(...prices, reference) - low, 1);
  const x = (index) => ((index / (prices.length - 1)) * 100).toFixed(2);
  const y = (ticks) => (27 - ((ticks - low) / span) * 24).toFixed(2);
  const line = prices.map((ticks, index) => `${index ? "L" : "M"}${x(index)} ${y(ticks)}`).join("");
  const shapes = [["area", `${line}L100 30L0 30Z`], ["line", line], ["zero", `M0 ${y(reference)}L100 ${y(reference)}`]].map(([name, path]) => {
    const shape = document.createElementNS(NS, "path");
    shape.setAttribute("d", path);
    shape.setAttribute("class", `${name} ${way}`);
    return shape;
  });
  box.replaceChildren(...shapes);
}

part("wall", () => {
  for (const [id, row] of Object.entries(rows)) {
    const one = instruments.get(id);
    const line = $(`[data-instrument="${id}"]`);
    if (!one || !line) { setTimeout(() => location.reload(), 3000); return; }
    const moved = change(row.last, row.reference, one);
    const show = (name, words) => text($(`[data-show=${name}]`, line), words);
    show("last", row.last ? price(row.last, one) : "—");
    show("change", moved.text);
    show("percent", moved.percent);
    show("high", row.high ? price(row.high, one) : "—");
    show("low", row.low ? price(row.low, one) : "—");
    show("volume", amount(row.volume, one));
    for (const name of ["last", "change", "percent"]) trend($(`[data-show=${name}]`, line), moved.trend);
    spark($("svg", line), row.spark, row.reference, moved.trend);
    line.classList.toggle("halted", row.halted);
  }
}, 250);

part("latest", () => {
  $("#latest").replaceChildren(...latest.map(([id, ticks, lots, side]) => {
    const one = instruments.get(id);
    return make("span", {}, make("b", {}, one.name), ` ${price(ticks, one)} × ${quantity(lots, one)} `,
      make("i", { class: side === 1 ? "up" : "down" }, side === 1 ? "▲" : "▼"));
  }));
}, 500);

const days = new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: "Asia/Shanghai", dateStyle: "full" });
setInterval(() => { text($("#clock"), clock(feed.now())); text($("#today"), days.format(feed.now())); }, 1000);

// Against burn-in: the whole board moves by a pixel or two every three minutes.
let turn = 0;
setInterval(() => {
  turn = (turn + 1) % 4;
  document.body.style.transform = `translate(${[0, 2, 2, 0][turn]}px, ${[0, 0, 2, 2][turn]}px)`;
}, 180_000);
// A fresh page every night, so that no board runs for months on one page.
setInterval(() => { if (clock(feed.now()).startsWith("03:30")) location.reload(); }, 59_000);
