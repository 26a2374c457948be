// The market board: every instrument of the venue, live.
import { Feed } from "../core/feed.js";
import { amount, bigMoney, change, gettext, price } from "../core/fmt.js";
import { $, data, text, trend } from "../core/dom.js";
import { dirty, part } from "../core/loop.js";
import { status } from "../core/status.js";

const page = data("page");
const instruments = new Map(data("instruments").map((one) => [String(one.id), one]));
let rows = {};
const badge = status(() => feed);
const feed = new Feed(`/ws/${page.venue}/`, {
  ...badge,
  onTopic(name, state) { rows = state.instruments; dirty("board"); },
});
feed.subscribe("ticker");
const phases = { 1: gettext("闭市"), 2: gettext("开市前"), 3: gettext("集合竞价"), 4: gettext("连续交易"), 5: gettext("休市") };

part("board", () => {
  for (const [id, row] of Object.entries(rows)) {
    const one = instruments.get(id);
    const line = $(`[data-instrument="${id}"]`);
    if (!one || !line) { setTimeout(() => location.reload(), 1500); return; }
    const moved = change(row.last, row.reference, one);
    const show = (name, words) => text($(`[data-show=${name}]`, line), words);
    const ticks = (value) => (value ? price(value, one) : "—");
    show("last", ticks(row.last));
    show("change", moved.text);
    show("percent", moved.percent);
    for (const name of ["bid", "ask", "high", "low"]) show(name, ticks(row[name]));
    show("reference", price(row.reference, one));
    show("band", `${price(row.high_limit, one)} / ${price(row.low_limit, one)}`);
    show("volume", `${amount(row.volume, one)}`);
    show("turnover", bigMoney(row.turnover));
    show("phase", row.halted ? gettext("暂停交易") : phases[row.phase]);
    for (const name of ["last", "change", "percent"]) trend($(`[data-show=${name}]`, line), moved.trend);
  }
}, 200);
