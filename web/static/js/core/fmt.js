// The only place where a decimal point appears. Numbers travel as integers: ticks, lots, fen, kg.
const english = document.documentElement.lang === "en";
const whole = new Intl.NumberFormat("en-US");

export const gettext = (text) => (window.gettext ? window.gettext(text) : text);
export const interpolate = (words, values) => values.reduce((said, value) => said.replace("%s", value), words);

export function price(ticks, instrument) {
  const fen = ticks * instrument.tick_fen_per_t;
  const yuan = whole.format(Math.floor(fen / 100));
  return instrument.tick_fen_per_t % 100 === 0 ? yuan : `${yuan}.${String(fen % 100).padStart(2, "0")}`;
}

export function money(fen) {
  const sign = fen < 0 ? "−" : "";
  const size = Math.abs(fen);
  return `${sign}¥${whole.format(Math.floor(size / 100))}.${String(size % 100).padStart(2, "0")}`;
}

export function bigMoney(fen) {
  const yuan = Math.round(fen / 100);
  if (english) {
    if (yuan >= 1e9) return `¥${(yuan / 1e9).toFixed(2)}B`;
    if (yuan >= 1e6) return `¥${(yuan / 1e6).toFixed(2)}M`;
    return `¥${whole.format(yuan)}`;
  }
  if (yuan >= 1e8) return `${(yuan / 1e8).toFixed(2)}亿`;
  if (yuan >= 1e4) return `${(yuan / 1e4).toFixed(2)}万`;
  return whole.format(yuan);
}

// A quantity as a number in the unit that the trade counts in: tonnes, coils, batches, cartons.
export function amount(lots, instrument) {
  if (instrument.unit !== "t") return whole.format(lots);
  const kg = lots * instrument.lot_kg;
  const rest = kg % 1000;
  return whole.format(Math.floor(kg / 1000)) + (rest ? `.${String(rest).padStart(3, "0").replace(/0+$/, "")}` : "");
}

export const quantity = (lots, instrument) => `${amount(lots, instrument)} ${instrument.unit_name}`;

export function tonnes(kg) {
  const rest = kg % 1000;
  return whole.format(Math.floor(kg / 1000)) + (rest ? `.${String(rest).padStart(3, "0").replace(/0+$/, "")}` : "");
}

// What somebody typed, exactly: "12.5" at scale 3 is 12500; null if it is no number or too fine.
export function parseScaled(text, scale) {
  const match = /^(\d{1,12})(?:\.(\d+))?$/.exec(String(text).replaceAll(",", "").trim());
  if (!match) return null;
  const fraction = (match[2] || "").replace(/0+$/, "");
  if (fraction.length > scale) return null;
  return Number(match[1] + fraction.padEnd(scale, "0"));
}

export function toLots(text, instrument) {
  if (instrument.unit !== "t") return parseScaled(text, 0);
  const kg = parseScaled(text, 3);
  return kg === null || kg % instrument.lot_kg ? null : kg / instrument.lot_kg;
}

export function toTicks(text, instrument) {
  const fen = parseScaled(text, 2);
  return fen === null || fen % instrument.tick_fen_per_t ? null : fen / instrument.tick_fen_per_t;
}

export const plain = (text) => text.replaceAll(",", "");

const pad = (number) => String(number).padStart(2, "0");
export function clock(ms) {
  const seconds = Math.floor(ms / 1000) + 8 * 3600; // Asia/Shanghai has no summer time
  return `${pad(Math.floor(seconds / 3600) % 24)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}

// The day in Shanghai as a number, 20261123, as the engine counts days.
export function today(ms) {
  return Number(new Date(ms + 8 * 3600_000).toISOString().slice(0, 10).replaceAll("-", ""));
}

export function change(last, reference, instrument) {
  if (!last || !reference) return { text: "—", percent: "—", trend: "" };
  const ticks = last - reference;
  const bp = Math.round((ticks * 10000) / reference);
  const sign = ticks > 0 ? "+" : ticks < 0 ? "−" : "";
  const arrow = ticks > 0 ? "▲ " : ticks < 0 ? "▼ " : "";
  const size = Math.abs(bp);
  return {
    text: arrow + (ticks ? price(Math.abs(ticks), instrument) : "0"),
    percent: `${sign}${Math.floor(size / 100)}.${pad(size % 100)}%`,
    trend: ticks > 0 ? "up" : ticks < 0 ? "down" : "",
  };
}
