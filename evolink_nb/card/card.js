// @ts-check
/**
 * The live card: patches card.html with what the kernel's traits say, a server's words as text only.
 *
 * @typedef {(event: string, listener: (content?: any) => void) => void} Listen
 * @typedef {{get: (trait: string) => any, send: (content: object) => void, on: Listen, off: Listen}} Model
 * @typedef {[milliseconds: number, credits: number]} Point  of the sparkline
 */

/** Milliseconds that a click may go unanswered before the kernel counts as busy. */
const PATIENCE = 1000;
/** Readings that may be missing before the card says so. */
const MISSED = 3;
const MAX_POINTS = 60;

/** @type {Record<string, string>}  where a status is not its own word */
const PILLS = {
  loading: "reading…",
  "rate-limited": "rate limited",
  unauthorized: "not authorized",
  busy: "kernel busy · click queued",
  gone: "kernel gone",
  error: "can't read",
};
const GONE = "This card's kernel is gone. Run its cell again.";
const PAUSE = ["Pause", "M5.5 3.5v9M10.5 3.5v9"];
const RESUME = ["Resume", "M5 3.5v9l7.5-4.5z"];

const decimals = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });
const figures = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** @param {number} amount  with thousands separated, at most 4 decimals; "0" only for nothing */
export function formatAmount(amount) {
  const sign = amount < 0 ? "\u2212" : "";
  if (amount && Math.abs(amount) < 0.00005) return `${sign ? ">" : "<"}${sign}0.0001`;
  return sign + decimals.format(Math.abs(amount));
}

/** @param {number} amount  unformatted: no exponent */
export function plainAmount(amount) {
  const text = String(amount + 0);
  if (text.includes("e+")) return String(BigInt(amount));
  return text.includes("e") ? amount.toFixed(20).replace(/\.?0+$/, "") : text;
}

/** @param {number} seconds  as "12 s", "2 min", "1 h 28 min" or "3 d 4 h" */
export function formatTime(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const [large, rest] = hours < 24 ? [`${hours} h`, minutes % 60] : [`${Math.floor(hours / 24)} d`, hours % 24];
  return large + (rest ? ` ${rest} ${hours < 24 ? "min" : "h"}` : "");
}

/** @param {number} rate  credits a second, in the unit that reads best */
export function formatRate(rate) {
  return rate * 60 >= 1 ? `${figures.format(rate * 60)} / min` : `${figures.format(rate * 3600)} / h`;
}

/** @param {Point[]} points  as a path in a box of 100 by 40; "" for fewer than two */
export function sparkline(points) {
  if (points.length < 2) return "";
  const start = points[0][0];
  const width = points[points.length - 1][0] - start || 1;
  const amounts = points.map(([, amount]) => amount);
  const low = Math.min(...amounts);
  const height = Math.max(...amounts) - low;
  const spots = points.map(([time, amount]) => {
    const y = height ? 36 - ((amount - low) / height) * 32 : 20;
    return `${(((time - start) / width) * 100).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${spots.join("L")}`;
}

class Card {
  /**
   * @param {Model} model
   * @param {HTMLElement} element
   */
  constructor(model, element) {
    this.model = model;
    this.element = element;
    element.innerHTML = model.get("_template");
    this.root = this.one(".evolink-card");
    this.id = Math.random().toString(36).slice(2);
    const now = Date.now();
    /** When the newest reading came, by this machine's clock. */
    this.arrivedAt = Math.min(model.get("updated_at") ?? now, now);
    /** Since when this view is seen, and owed readings. */
    this.seenAt = now;
    /** When an unanswered click was made, or 0. */
    this.clickedAt = 0;
    /** @type {Point[]} */
    this.points = [];
    this.visible = false;
    this.gone = false;

    this.on("refresh", () => this.refresh());
    this.on("pause", () => this.send(model.get("status") === "paused" ? "resume" : "pause"));
    this.on("notify", () => globalThis.Notification?.requestPermission().then(() => this.tick()));

    /** @type {Record<string, (content?: any) => void>} */
    this.listeners = {
      "change:updated_at": () => this.arrive(),
      "change:notice": () => this.ring("notice"),
      "change:alarm": () => this.ring("alarm"),
      change: () => this.update(),
      // Comes once, when the kernel is restarted.
      comm_live_update: () => (this.gone = true),
      "msg:custom": (content) => this.hear(content),
    };
    for (const event in this.listeners) model.on(event, this.listeners[event]);
    this.timer = setInterval(() => this.tick(), 1000);
    this.look = () => this.see(!document.hidden && element.getClientRects().length > 0);
    this.sizes = new ResizeObserver(this.look);
    this.sizes.observe(this.root);
    this.changes = new MutationObserver(() => this.clear());
    document.addEventListener("visibilitychange", this.look);
    this.update();
    this.send("history");
  }

  destroy() {
    this.visible = false;
    clearInterval(this.timer);
    this.sizes.disconnect();
    this.changes.disconnect();
    document.removeEventListener("visibilitychange", this.look);
    for (const event in this.listeners) this.model.off(event, this.listeners[event]);
    this.send("leave");
  }

  /** @type {(action: string, visible?: boolean) => void} */
  send(action, visible) {
    if (!this.gone) this.model.send({ action, view: this.id, visible });
  }

  refresh() {
    this.clickedAt = Date.now();
    this.send("refresh");
    this.tick();
  }

  /** @param {boolean} visible  whether anybody can see this view, for the kernel to know */
  see(visible) {
    if (visible === this.visible) return;
    this.visible = visible;
    this.seenAt = Date.now();
    const output = this.clear();
    if (output) this.changes.observe(output, { childList: true, subtree: true });
    this.send("show", visible);
    setTimeout(() => this.visible && this.send("show", true), 3000);
  }

  /** Take the saved file's counterpart (displays.py) off the page. */
  clear() {
    const output = this.element.closest(".jp-OutputArea");
    for (const twin of output?.querySelectorAll(".evo-twin") ?? []) twin.remove();
    return output;
  }

  arrive() {
    const { model } = this;
    this.arrivedAt = Date.now();
    const point = [model.get("updated_at"), model.get(`${model.get("binding")}_remaining`)];
    this.points = [...this.points, /** @type {Point} */ (point)].slice(-MAX_POINTS);
  }

  /** @param {{ answer: string, points?: Point[] }} content */
  hear({ answer, points }) {
    if (answer === "refresh") this.clickedAt = 0;
    if (points) this.points = points;
    this.draw();
    this.tick();
  }

  /** @param {string} trait */
  ring(trait) {
    const text = this.model.get(trait);
    if (text && globalThis.Notification?.permission === "granted") {
      new Notification("EvoLink credits", { body: text });
    }
  }

  /** Show what the kernel's traits say now. */
  update() {
    const { model, root } = this;
    root.dataset.level = model.get("level");
    root.toggleAttribute("data-demo", model.get("simulated"));
    setText(root, ".evo-badge", model.get("simulated") ? "demo data" : "");
    for (const name of ["notice", "alarm", "outlook", "worth"]) this.field(name, model.get(name));
    this.updateHalf("user", false);
    this.updateHalf("token", model.get("token_unlimited"));
    const rate = model.get("burn_rate");
    const runway = model.get("runway");
    const spent = model.get("spent");
    this.field("burn-rate", rate ? formatRate(rate) : "");
    this.field("runway", runway ? `≈ ${formatTime(runway)}` : "");
    setValue(this.field("spent", spent ? formatAmount(spent) : ""), spent || null);
    this.draw();
    this.tick();
  }

  draw() {
    const path = sparkline(this.points);
    this.one(".evo-curve").setAttribute("d", path);
    this.one(".evo-area").setAttribute("d", path && `${path}L100 40L0 40Z`);
  }

  /** @type {(half: "user" | "token", unlimited: boolean) => void} */
  updateHalf(half, unlimited) {
    const { model } = this;
    const remaining = model.get(`${half}_remaining`);
    const used = model.get(`${half}_used`);
    if (remaining === null || used === null) return;
    const total = +(remaining + used).toFixed(6);
    const unit = unlimited ? "no limit of its own" : remaining < 0 ? "overdrawn" : "credits left";
    const shown = unlimited ? "∞" : formatAmount(remaining);
    const share = unlimited || total <= 0 ? 0 : Math.min(Math.max(remaining / total, 0), 1);
    const binding = model.get("binding") === half;

    const number = this.one(`[data-field="${half}-remaining"]`);
    setNumber(number, shown);
    setValue(number, unlimited ? null : remaining);
    const row = /** @type {Element} */ (number.closest("tr"));
    row.setAttribute("data-binding", String(binding));
    setText(row, ".evo-mark", binding ? "spendable" : "");
    setText(row, ".evo-unit", unit);
    setText(row, ".evo-word", "used");
    this.field(`${half}-total`, unlimited ? "" : `of ${formatAmount(total)} ·`);
    setValue(this.field(`${half}-used`, formatAmount(used)), used);

    const gauge = this.one(`[data-gauge="${half}"]`);
    gauge.toggleAttribute("data-unlimited", unlimited);
    gauge.setAttribute("aria-valuemax", plainAmount(unlimited ? 1 : Math.max(total, remaining, 0) || 1));
    gauge.setAttribute("aria-valuenow", plainAmount(unlimited ? 0 : Math.max(remaining, 0)));
    const spoken = `${shown.replace("\u2212", "minus ")} of ${formatAmount(total)} ${unit}`;
    gauge.setAttribute("aria-valuetext", unlimited ? unit : spoken);
    gauge.style.setProperty("--share", plainAmount(Math.round(share * 1000) / 10));
  }

  /** Show what time alone changes: ages, waits, and what silence means. */
  tick() {
    const { model, root } = this;
    const now = Date.now();
    const age = (now - this.arrivedAt) / 1000;
    // Each minute: the kernel forgets a view it doesn't hear of.
    if (this.visible && now % 60000 < 1000) this.send("show", true);
    const [status, pill] = this.judge(now, age);
    root.dataset.status = status;
    this.field("status", pill);
    this.field("message", status === "gone" ? GONE : model.get("message"));
    this.field("updated", model.get("updated_at") === null ? "no reading yet" : `updated ${formatTime(age)} ago`);
    this.field("cadence", `· every ${plainAmount(model.get("interval"))} s`);
    const [label, icon] = model.get("status") === "paused" ? RESUME : PAUSE;
    const pause = this.one('[data-action="pause"]');
    pause.ariaLabel = pause.title = label;
    this.one('[data-action="pause"] path').setAttribute("d", icon);
    const notify = this.one('[data-action="notify"]');
    notify.hidden = !model.get("limits") || globalThis.Notification?.permission !== "default";
    notify.title = `Notify me: ${model.get("limits")}`;
  }

  /**
   * What is the matter, as far as this page can tell: a status and its words.
   * @param {number} now
   * @param {number} age
   * @returns {[string, string]}
   */
  judge(now, age) {
    const interval = Math.max(this.model.get("interval"), 1);
    const reported = this.model.get("status");
    if (this.gone) return ["gone", PILLS.gone];
    if (this.clickedAt > now - PATIENCE) return ["refreshing", "refreshing"];
    if (this.clickedAt) return ["busy", PILLS.busy];
    const silence = Math.min(age, (now - this.seenAt) / 1000);
    const expected = reported === "live" || reported === "refreshing";
    if (this.visible && expected && silence > MISSED * interval) {
      return ["stale", `no word for ${formatTime(age)}`];
    }
    const left = (this.model.get("retry_at") - now) / 1000;
    return [reported, (PILLS[reported] ?? reported) + (left > 0 ? ` · ${formatTime(Math.ceil(left))}` : "")];
  }

  /** @type {(name: string, text: string) => HTMLElement} */
  field(name, text) {
    return setText(this.element, `[data-field="${name}"]`, text);
  }

  /** @type {(action: string, listener: () => void) => void} */
  on(action, listener) {
    this.one(`[data-action="${action}"]`).addEventListener("click", listener);
  }

  /** @param {string} selector */
  one(selector) {
    return /** @type {HTMLElement} */ (this.element.querySelector(selector));
  }
}

/** @type {(parent: Element, selector: string, text: string) => HTMLElement} */
function setText(parent, selector, text) {
  const element = /** @type {HTMLElement} */ (parent.querySelector(selector));
  if (element.textContent !== text) element.textContent = text;
  return element;
}

/** @type {(element: HTMLElement, shown: string) => void}  decimals small; new ones glide in (card.css) */
function setNumber(element, shown) {
  if (element.textContent === shown) return;
  const [whole, rest] = shown.split(".");
  const number = document.createElement("span");
  const small = document.createElement("small");
  if (rest) small.append(`.${rest}`);
  number.append(whole, small);
  element.replaceChildren(number);
  element.style.setProperty("--length", `${whole.length + (rest ? 0.6 * (rest.length + 1) : 0)}`);
}

/** @type {(element: HTMLElement, amount: number | null) => void} */
function setValue(element, amount) {
  if (amount === null) delete element.dataset.value;
  else element.dataset.value = plainAmount(amount);
}

/** @param {{ model: Model, el: HTMLElement }} view */
function render({ model, el }) {
  const card = new Card(model, el);
  return () => card.destroy();
}

export default { render };
