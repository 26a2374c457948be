// A call auction while it collects: the price it would give now, how much, what is left over.
import { gettext, price, quantity } from "../core/fmt.js";
import { $, text } from "../core/dom.js";

const CALL = 3;

export function renderCall(root, row, instrument, now) {
  root.hidden = row?.phase !== CALL;
  if (root.hidden) return;
  const [ticks, lots, surplus] = row.indicated;
  const seconds = Math.max(0, Math.ceil((row.until - now) / 1000));
  const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  text($("[data-call=left]", root), row.until ? `${gettext("剩余时间")} ${left}` : gettext("由市场结束"));
  text($("[data-call=price]", root), ticks ? price(ticks, instrument) : "—");
  text($("[data-call=volume]", root), ticks ? quantity(lots, instrument) : "—");
  const side = surplus > 0 ? gettext("买") : gettext("卖");
  text($("[data-call=surplus]", root), surplus ? `${side} ${quantity(Math.abs(surplus), instrument)}` : "—");
}
