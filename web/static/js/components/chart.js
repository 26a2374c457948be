// Candles, volume and two averages with Lightweight Charts; colours come from the page's tokens.
import { CandlestickSeries, HistogramSeries, LineSeries, createChart } from "../../vendor/lightweight-charts-5.2.1.mjs";
import { amount, gettext, price } from "../core/fmt.js";
import { make } from "../core/dom.js";

const SHANGHAI_S = 8 * 3600; // the library knows only UTC

export class Chart {
  constructor(root, table, instrument) {
    this.instrument = instrument;
    this.table = table;
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(name).trim();
    const channel = (name, alpha) => `rgba(${colour(name).replaceAll(" ", ",")},${alpha})`;
    this.faint = { up: channel("--up-rgb", 0.4), down: channel("--down-rgb", 0.4) };
    const trend = document.documentElement.dataset.trend;
    const up = colour(trend === "intl" ? "--green" : "--red");
    const down = colour(trend === "intl" ? "--red" : "--green");
    this.chart = createChart(root, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: colour("--text2"), fontSize: 11, fontFamily: css.fontFamily, attributionLogo: false },
      grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 3 },
      crosshair: { mode: 0 },
      localization: { priceFormatter: (ticks) => price(Math.round(ticks), instrument) },
    });
    const whole = { type: "custom", minMove: 1, formatter: (ticks) => price(Math.round(ticks), instrument) };
    this.candles = this.chart.addSeries(CandlestickSeries, {
      upColor: trend === "intl" ? up : "transparent", borderUpColor: up, wickUpColor: up,
      downColor: down, borderDownColor: down, wickDownColor: down, priceFormat: whole,
    });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } });
    const line = (name) => this.chart.addSeries(LineSeries, { color: colour(name), lineWidth: 1, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false, priceFormat: whole });
    this.averages = [[5, line("--warn")], [20, line("--accent")]];
  }

  render(rows) {
    const bars = rows.map(([start, open, high, low, close]) => ({ time: start + SHANGHAI_S, open, high, low, close }));
    this.candles.setData(bars);
    this.volume.setData(rows.map(([start, open, , , close, lots]) => ({
      time: start + SHANGHAI_S, value: lots, color: close >= open ? this.faint.up : this.faint.down,
    })));
    for (const [length, series] of this.averages) {
      series.setData(bars.slice(length - 1).map((bar, index) => ({
        time: bar.time,
        value: bars.slice(index, index + length).reduce((sum, one) => sum + one.close, 0) / length,
      })));
    }
    if (!this.table.hidden) this.renderTable(rows);
  }

  // The chart has no screen-reader support: the same numbers as a table.
  renderTable(rows) {
    const head = ["时间", "开", "高", "低", "收", "量"].map((name) => make("th", { scope: "col" }, gettext(name)));
    const body = rows.slice(-60).toReversed().map(([start, open, high, low, close, lots]) => make("tr", {},
      make("td", {}, new Date((start + SHANGHAI_S) * 1000).toISOString().slice(5, 16).replace("T", " ")),
      ...[open, high, low, close].map((ticks) => make("td", { class: "num" }, price(ticks, this.instrument))),
      make("td", { class: "num" }, amount(lots, this.instrument))));
    this.table.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)));
  }
}
