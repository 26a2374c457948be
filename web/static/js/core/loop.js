// Parts are marked dirty by the feed and painted at their own pace: painting is the cost, not JS.
const parts = new Map();
let asked = false;
let timer = 0;

export function part(name, render, everyMs = 100) {
  parts.set(name, { render, everyMs, next: 0, dirty: false });
}

export function dirty(name) {
  const found = parts.get(name);
  if (!found || found.dirty) return;
  found.dirty = true;
  schedule();
}

function schedule() {
  if (asked || document.hidden) return;
  asked = true;
  requestAnimationFrame(flush);
}

function flush(now) {
  asked = false;
  let soonest = Infinity;
  for (const one of parts.values()) {
    if (!one.dirty) continue;
    if (now >= one.next) { one.dirty = false; one.next = now + one.everyMs; one.render(); }
    else soonest = Math.min(soonest, one.next - now);
  }
  if (soonest < Infinity && !timer) timer = setTimeout(() => { timer = 0; schedule(); }, soonest);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(); });
