// One socket of a venue: sequence numbers checked, holes resumed, never a guess.
const CRC = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
function crc32(text) {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i += 1) crc = CRC[(crc ^ text.charCodeAt(i)) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// What identifies a row of a list, so that an update replaces it.
const KEYS = { orders: "order", offers: "order", directed: "order", receipts: "receipt", contracts: "trade" };

export class Feed {
  // handlers: onTopic(topic, state, update), onState(state), onStale(isStale, ageMs)
  constructor(path, handlers) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.handlers = handlers;
    this.topics = new Map();
    this.requests = new Map();
    this.state = "recovering";
    this.offset = 0;
    this.lastHeard = 0;
    this.lastAt = 0;
    this.attempt = 0;
    this.stale = true;
    this.build = null;
    this.connect();
    setInterval(() => this.watch(), 250);
  }

  connect() {
    this.socket = new WebSocket(this.url);
    this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    this.socket.onclose = (event) => {
      if ([4001, 4003].includes(event.code)) { this.handlers.onEnded?.(event.code); return; }
      const pause = Math.min(100 * 2 ** this.attempt, 5000) * (0.5 + Math.random());
      this.attempt += 1;
      setTimeout(() => this.connect(), pause);
    };
  }

  get open() { return this.socket.readyState === WebSocket.OPEN; }
  send(message) { if (this.open) this.socket.send(JSON.stringify(message)); }

  watch() {
    const age = performance.now() - this.lastHeard;
    const stale = !this.lastHeard || age > 3000;
    if (stale !== this.stale) { this.stale = stale; this.handlers.onStale(stale, this.lastAt); }
  }

  subscribe(name) {
    if (this.topics.has(name)) return;
    const topic = { name, seq: 0, data: null, current: false, asked: 0 };
    this.topics.set(name, topic);
    this.ask(topic);
  }

  ask(topic) {
    topic.current = false;
    topic.asked = performance.now();
    this.send(topic.seq ? { t: "resume", topic: topic.name, from_seq: topic.seq } : { t: "sub", topic: topic.name });
  }

  receive(frame) {
    this.lastHeard = performance.now();
    switch (frame.t) {
      case "hello":
        this.attempt = 0;
        if (this.build !== null && this.build !== frame.build) this.handlers.onBuild?.();
        this.build = frame.build;
        this.clock(frame.now);
        this.setState(frame.state);
        for (const topic of this.topics.values()) this.ask(topic);
        for (const request of this.requests.values()) this.send(request.message);
        break;
      case "snapshot": case "update": this.lastAt = Math.max(this.lastAt, frame.at); this.fold(frame); break;
      case "heartbeat":
        this.clock(frame.now);
        this.setState(frame.state);
        for (const [name, seq] of Object.entries(frame.seqs)) {
          const topic = this.topics.get(name);
          if (topic && seq > topic.seq && performance.now() - topic.asked > 500) this.ask(topic);
        }
        break;
      case "state": this.setState(frame.state); break;
      case "ack": case "reject": case "unknown": this.settle(frame); break;
      case "error":
        if (this.requests.has(frame.id)) this.settle(frame);
        else if (this.topics.has(frame.id) && frame.retry_ms) {
          setTimeout(() => this.ask(this.topics.get(frame.id)), frame.retry_ms);
        }
        break;
      default:
    }
  }

  clock(now) { this.offset = now - Date.now(); }
  now() { return Date.now() + this.offset; }
  setState(state) { if (state !== this.state) { this.state = state; this.handlers.onState?.(state); } }

  fold(frame) {
    const topic = this.topics.get(frame.topic);
    if (!topic) return;
    if (frame.t === "snapshot") {
      topic.data = indexed(frame.data);
    } else {
      if (frame.seq <= topic.seq) return;
      if (!topic.data || frame.prev_seq !== topic.seq) { if (topic.current || !topic.data) this.ask(topic); return; }
      merge(topic.data, frame.data);
    }
    topic.seq = frame.seq;
    if (frame.data.crc !== undefined && bookCrc(topic.data) !== frame.data.crc) {
      topic.seq = 0;
      this.ask(topic);
      return;
    }
    topic.current = true;
    this.handlers.onTopic(frame.topic, topic.data, frame.t === "update" ? frame.data : null, frame);
  }

  // Requests: kept until answered, sent again under the same id after a reconnect.
  request(message) {
    const id = message.id || crypto.randomUUID().slice(0, 36);
    const full = { ...message, id };
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.settle({ t: "unknown", id }), 10_000);
      this.requests.set(id, { message: full, resolve, timer });
      this.send(full);
    });
  }

  settle(frame) {
    const request = this.requests.get(frame.id);
    if (!request) return;
    clearTimeout(request.timer);
    this.requests.delete(frame.id);
    request.resolve(frame);
  }
}

function indexed(data) {
  const found = {};
  for (const [name, value] of Object.entries(data)) {
    if (name === "bids" || name === "asks") found[name] = new Map(value.map((level) => [level[0], level]));
    else if (KEYS[name]) found[name] = new Map(value.map((row) => [row[KEYS[name]], row]));
    else found[name] = value;
  }
  return found;
}

function merge(state, data) {
  for (const [name, value] of Object.entries(data)) {
    if (name === "bids" || name === "asks") {
      for (const level of value) { if (level[1]) state[name].set(level[0], level); else state[name].delete(level[0]); }
    } else if (KEYS[name]) {
      for (const row of value) {
        const gone = ((name === "offers" || name === "directed") && !row.open) || (name === "receipts" && !(row.free || row.held || row.committed));
        if (gone) state[name].delete(row[KEYS[name]]); else state[name].set(row[KEYS[name]], row);
      }
    } else if (name === "instruments") Object.assign(state[name], value);
    else if (name === "trades" || name === "fills") state[name] = [...value.toReversed(), ...state[name]].slice(0, 100);
    else if (name === "candles") {
      for (const candle of value) {
        const last = state.candles.at(-1);
        if (last && last[0] === candle[0]) state.candles[state.candles.length - 1] = candle;
        else state.candles.push(candle);
      }
    } else state[name] = value;
  }
}

export const bids = (book) => [...book.bids.values()].sort((a, b) => b[0] - a[0]);
export const asks = (book) => [...book.asks.values()].sort((a, b) => a[0] - b[0]);
function bookCrc(book) {
  const levels = [...bids(book).slice(0, 10), ...asks(book).slice(0, 10)];
  return crc32(levels.map((level) => `${level[0]}:${level[1]}`).join("|"));
}
