// Withdrawing many orders at once: which ones is chosen, counted and confirmed in one dialogue.
import { gettext, interpolate } from "../core/fmt.js";
import { $, text } from "../core/dom.js";
import { isLive } from "./blotter.js";

export class Withdrawal {
  constructor(dialog, instrument, { feed, getOrders, say }) {
    Object.assign(this, { dialog, instrument, feed, getOrders, say });
    this.submit = $("[data-testid=withdraw-ok]", dialog);
    dialog.addEventListener("change", () => this.render());
    this.submit.addEventListener("click", () => this.send());
    $("[data-withdraw-back]", dialog).addEventListener("click", () => dialog.close());
  }

  open() {
    this.id = crypto.randomUUID().slice(0, 36); // one key a confirmation: a double click acts once
    this.render();
    this.dialog.showModal();
    this.submit.focus();
  }

  read() {
    const chosen = (name) => $(`[name=${name}]:checked`, this.dialog).value;
    return { instrument: chosen("withdraw-where") === "here" ? this.instrument.id : 0, side: chosen("withdraw-side"), mine: chosen("withdraw-whose") === "mine" };
  }

  // Whose order it was is not on the feed: of one's own alone, the engine counts.
  render() {
    const { instrument, side, mine } = this.read();
    const way = { any: 0, buy: 1, sell: 2 }[side];
    const found = [...(this.getOrders()?.values() ?? [])].filter((one) => isLive(one) && (!instrument || one.instrument === instrument) && (!way || one.side === way));
    const words = mine ? gettext("本企业有 %s 笔，只撤其中本人报入的") : gettext("将撤销 %s 笔委托");
    text($("[data-testid=withdraw-count]", this.dialog), interpolate(words, [found.length]));
    this.submit.disabled = !found.length;
  }

  async send() {
    this.dialog.close();
    const answer = await this.feed.request({ t: "mass_cancel", id: this.id, ...this.read() });
    if (answer.t === "ack") this.say("ok", interpolate(gettext("已撤销 %s 笔委托"), [answer.count]));
    else if (answer.t === "unknown") this.say("no", gettext("状态未知，正在查询。请看下方委托。"));
    else this.say("no", document.documentElement.lang === "en" ? answer.en : answer.zh, answer.code);
  }
}
