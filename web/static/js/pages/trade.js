// The trading page: one socket, a handful of parts, nothing computed that the engine decides.
import { Feed } from "../core/feed.js";
import { amount, bigMoney, change, clock, gettext, money, price, quantity, today } from "../core/fmt.js";
import { $, data, text, trend } from "../core/dom.js";
import { dirty, part } from "../core/loop.js";
import { status } from "../core/status.js";
import { OrderBook } from "../components/book.js";
import { Chart } from "../components/chart.js";
import { Ticket } from "../components/ticket.js";
import { Blotter } from "../components/blotter.js";
import { Withdrawal } from "../components/withdraw.js";
import { renderTape } from "../components/tape.js";
import { renderOffers } from "../components/offers.js";
import { renderCall } from "../components/call.js";

const instruments = new Map(data("instruments").map((one) => [one.id, one]));
const page = data("page");
const instrument = instruments.get(page.id);
const listed = instrument.mode === "listed";
const mayTrade = page.role === "trader";
const topics = {};
let interval = "5m";
let firm = null;

const badge = status(() => feed);
const feed = new Feed(`/ws/${page.venue}/`, {
  ...badge,
  onTopic(name, state) {
    const [word, , rest] = name.split(".");
    if (word === "candles") { if (rest === interval) { topics.candles = state.candles; dirty("chart"); } return; }
    topics[word] = word === "ticker" ? state.instruments : word in state ? state[word] : state;
    const parts = { book: ["book", "ticket"], offers: ["offers"], directed: ["offers"], trades: ["tape"], ticker: ["ticker", "ticket", "call"], orders: ["book", "blotter"], funds: ["account", "ticket"], receipts: ["account", "ticket", "blotter"], fills: ["blotter"], contracts: ["blotter"] };
    for (const one of parts[word] ?? []) dirty(one);
  },
  onStale(stale, at) { badge.onStale(stale, at); dirty("ticket"); },
  onState() { badge.onState(); dirty("ticket"); },
});
const ticker = () => topics.ticker?.[String(instrument.id)];
feed.subscribe("ticker");
feed.subscribe(`trades.${instrument.id}`);
feed.subscribe(listed ? `offers.${instrument.id}` : `book.${instrument.id}`);
feed.subscribe(`candles.${instrument.id}.${interval}`);
if (page.firm) for (const name of ["orders", "fills", "funds", "receipts", "contracts"]) feed.subscribe(name);
if (page.firm && listed) feed.subscribe("directed");
firm = page.firm;

// Parts, each at the pace at which people read it.
const say = (kind, words, code = "") => {
  const box = $("#log");
  box.className = `log ${kind}`;
  box.dataset.code = code;
  text(box, words);
};
const ticket = mayTrade ? new Ticket($("#ticket"), instrument, {
  feed,
  getBook: () => topics.book,
  getFunds: () => topics.funds,
  getOffers: () => offers().filter((one) => one.firm !== firm),
  getReceipts: () => topics.receipts,
  getTicker: ticker,
}) : null;
const blotter = page.firm ? new Blotter($("#blotter"), { feed, instruments, mayTrade, say }) : null;
const withdrawal = mayTrade ? new Withdrawal($("#withdraw"), instrument, { feed, getOrders: () => topics.orders, say }) : null;
$("#withdraw-button")?.addEventListener("click", () => withdrawal.open());
for (const button of document.querySelectorAll("[data-lift-best]")) {
  button.addEventListener("click", () => { openSheet(); ticket.liftBest(button.dataset.liftBest); });
}
const chart = new Chart($("#chart"), $("#chart-table"), instrument);

// Offers to everybody, and those that name this firm.
function offers() {
  const named = [...(topics.directed?.values() ?? [])].filter((one) => one.instrument === instrument.id).map((one) => ({ ...one, directed: true }));
  return [...(topics.offers?.values() ?? []), ...named];
}

if (listed) {
  part("offers", () => renderOffers($("#offers tbody"), offers(), { instrument, firm, standings: page.standings, mayTrade, onLift: (one) => { openSheet(); ticket.lift(one); } }), 200);
} else {
  const book = new OrderBook($("#book"), instrument, (ticks, side) => {
    if (!ticket || feed.stale) return;
    ticket.fill(ticks, side === "ask" ? "buy" : "sell");
    openSheet();
  });
  part("book", () => {
    if (!topics.book) return;
    book.own = new Set([...(topics.orders?.values() ?? [])].filter((one) => one.state === "open" && one.instrument === instrument.id).map((one) => one.price));
    book.render(topics.book);
    const [bid] = [...topics.book.bids.keys()].sort((a, b) => b - a);
    const [ask] = [...topics.book.asks.keys()].sort((a, b) => a - b);
    text($("#spread"), bid && ask && bid < ask ? `${gettext("价差")} ${price(ask - bid, instrument)}` : "");
  }, 100);
  part("call", () => renderCall($("#call"), ticker(), instrument, feed.now()), 200);
  setInterval(() => dirty("call"), 1000);
}
part("tape", () => renderTape($("#tape tbody"), topics.trades ?? [], instrument), 200);
part("chart", () => chart.render(topics.candles ?? []), 250);
part("ticket", () => ticket?.render(), 300);
part("blotter", () => { blotter?.render(topics); if ($("#withdraw")?.open) withdrawal.render(); }, 100);
part("account", () => {
  const funds = topics.funds ?? { available: 0, held: 0, committed: 0 };
  for (const name of ["available", "held", "committed"]) text($(`[data-testid=funds-${name}]`), money(funds[name]));
  const day = today(feed.now());
  const mine = [...(topics.receipts?.values() ?? [])].filter((one) => one.instrument === instrument.id && one.from_day <= day);
  text($("[data-testid=sellable]"), quantity(mine.reduce((sum, one) => sum + one.free, 0), instrument));
}, 200);

let lastSaid = 0;
part("ticker", () => {
  const row = ticker();
  if (row) {
    const moved = change(row.last, row.reference, instrument);
    for (const box of document.querySelectorAll("[data-testid=last-price]")) { text(box, row.last ? price(row.last, instrument) : "—"); trend(box, moved.trend); }
    text($("[data-show=change]"), moved.text);
    text($("[data-show=percent]"), moved.percent);
    trend($("[data-show=moved]"), moved.trend);
    const shown = {
      high: row.high ? price(row.high, instrument) : "—", low: row.low ? price(row.low, instrument) : "—", reference: price(row.reference, instrument),
      band: `${price(row.high_limit, instrument)} / ${price(row.low_limit, instrument)}`, volume: amount(row.volume, instrument), turnover: bigMoney(row.turnover),
    };
    for (const [name, words] of Object.entries(shown)) text($(`[data-show=${name}]`), words);
    const phases = { 1: gettext("闭市"), 2: gettext("开市前"), 3: gettext("集合竞价"), 4: gettext("连续交易"), 5: gettext("休市") };
    const chip = $("[data-show=phase]");
    text(chip, row.halted ? gettext("暂停交易") : phases[row.phase]);
    chip.classList.toggle("warn", row.halted || row.phase !== 4);
    if (performance.now() - lastSaid > 10_000) { lastSaid = performance.now(); text($("#spoken"), `${gettext("最新价")} ${price(row.last, instrument)}`); }
  }
  for (const [id, one] of Object.entries(topics.ticker ?? {})) {
    const line = $(`#watch [data-instrument="${id}"]`);
    const other = instruments.get(Number(id));
    if (!line || !other) { if (!other) dirtyReload(); continue; }
    const moved = change(one.last, one.reference, other);
    text($(".last", line), one.last ? price(one.last, other) : "—");
    text($(".moved", line), moved.percent);
    trend(line, moved.trend);
  }
}, 100);

// An instrument that was listed after this page was made: the page is made again, once.
let asked = false;
function dirtyReload() {
  if (asked || ticket?.busy || $("dialog[open]") || document.activeElement?.closest?.("form")) return;
  asked = true;
  setTimeout(() => location.reload(), 1500);
}

for (const button of document.querySelectorAll("[data-interval]")) {
  button.addEventListener("click", () => {
    interval = button.dataset.interval;
    for (const other of document.querySelectorAll("[data-interval]")) other.setAttribute("aria-pressed", String(other === button));
    const name = `candles.${instrument.id}.${interval}`;
    topics.candles = feed.topics.get(name)?.data?.candles ?? [];
    dirty("chart");
    feed.subscribe(name);
  });
}
$("#as-table").addEventListener("click", (event) => {
  const table = $("#chart-table");
  table.hidden = !table.hidden;
  $("#chart").hidden = !table.hidden;
  event.currentTarget.setAttribute("aria-pressed", String(!table.hidden));
  dirty("chart");
});

setInterval(() => text($("#clock"), clock(feed.now())), 1000);

// Phones: the ticket is a sheet from below, panels are tabs.
function openSheet() { if (innerWidth <= 760) { document.body.classList.add("sheet-open"); } }
for (const button of document.querySelectorAll("[data-open-sheet]")) {
  button.addEventListener("click", () => { openSheet(); ticket?.setSide(button.dataset.openSheet); });
}
$("[data-close-sheet]")?.addEventListener("click", () => document.body.classList.remove("sheet-open"));
for (const button of document.querySelectorAll("[data-panel]")) {
  button.addEventListener("click", () => {
    document.body.dataset.shown = button.dataset.panel;
    for (const other of document.querySelectorAll("[data-panel]")) other.setAttribute("aria-selected", String(other === button));
  });
}

// Keys: ignored while typing and while an input method composes; none of them sends an order.
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || !ticket) return;
  if (event.target.closest("input, select, textarea, dialog")) return;
  const act = {
    b: () => { ticket.stopLifting(); ticket.setSide("buy"); ticket.quantity.focus(); },
    s: () => { ticket.stopLifting(); ticket.setSide("sell"); ticket.quantity.focus(); },
    1: () => ticket.peg("opposite"), 2: () => ticket.peg("own"), 3: () => ticket.peg("beyond"), 4: () => ticket.peg("last"),
    x: () => withdrawal.open(),
    "?": () => $("#keys").showModal(),
  }[event.key.toLowerCase()];
  if (act) { event.preventDefault(); act(); }
});
$("#keys-button").addEventListener("click", () => $("#keys").showModal());
$("#keys button").addEventListener("click", () => $("#keys").close());
