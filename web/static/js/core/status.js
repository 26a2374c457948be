// The connection badge, the stale banner, and what ends a session: shared by every live page.
import { clock, gettext } from "./fmt.js";
import { $, text } from "./dom.js";

export function status(feed) {
  const root = document.documentElement;
  root.dataset.feed = "connecting";
  const badge = $("[data-testid=connection]");
  const banner = $("#stale");
  const words = {
    open: gettext("实时"), cancel_only: gettext("仅可撤单"), halted: gettext("市场已停止"), recovering: gettext("恢复中"),
  };
  function show(stale, at) {
    root.dataset.feed = stale ? "stale" : "live";
    text(badge, stale ? gettext("行情中断") : words[feed().state] || feed().state);
    if (banner) {
      banner.hidden = !stale;
      text(banner, at ? `${gettext("行情已中断，价格可能过时。最后更新")} ${clock(at)}` : gettext("正在连接行情…"));
    }
  }
  return {
    onStale: show,
    onState: () => show(feed().stale, feed().lastAt),
    onEnded: () => location.reload(),
  };
}
