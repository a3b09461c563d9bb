// @ts-check
/**
 * The live card. Patches the template of card.html, which the kernel sends once, with what the
 * kernel's traits say. Everything that came from a server is set as text, never as markup.
 *
 * @typedef {object} Model  what anywidget gives: the kernel's synced traits and a way to send to it
 * @property {(name: string) => any} get
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener: () => void) => void} off
 * @property {(content: object) => void} send
 *
 * @typedef {"user" | "token"} Half
 */

/** Milliseconds a click may go unanswered before the card says that the kernel is busy. */
const PATIENCE = 1000;
/** Readings that may fail to come before the card says that it is stale. */
const MISSED_READINGS = 3;

/** @type {Record<string, string>} */
const PILLS = {
  loading: "reading…",
  live: "live",
  refreshing: "refreshing",
  stale: "no word",
  paused: "paused",
  "rate-limited": "rate limited",
  unauthorized: "not authorized",
  offline: "offline",
  busy: "kernel busy · click queued",
  gone: "kernel gone",
  error: "trouble",
};

const AMOUNT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });

/**
 * A number as a person reads it: thousands separated, at most 4 decimals; never "0" for what isn't.
 * @param {number} amount
 */
export function formatAmount(amount) {
  const sign = amount < 0 ? "\u2212" : "";
  if (amount !== 0 && Math.abs(amount) < 0.00005) return `${amount > 0 ? "<" : ">"}${sign}0.0001`;
  return sign + AMOUNT.format(Math.abs(amount));
}

/**
 * A number unformatted, without an exponent.
 * @param {number} amount
 */
export function plainAmount(amount) {
  const text = String(amount + 0);
  return text.includes("e") ? amount.toFixed(20).replace(/\.?0+$/, "") : text;
}

/**
 * An age in the largest unit that fits: "12 s", "2 min", "3 h", "2 d".
 * @param {number} seconds
 */
export function formatAge(seconds) {
  for (const [unit, size] of /** @type {[string, number][]} */ ([["d", 86400], ["h", 3600], ["min", 60]])) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(Math.floor(seconds), 0)} s`;
}

class Card {
  /**
   * @param {Model} model
   * @param {HTMLElement} element
   */
  constructor(model, element) {
    this.model = model;
    element.innerHTML = model.get("_template");
    this.root = /** @type {HTMLElement} */ (element.querySelector(".evolink-card"));
    /** When the newest reading came, on this machine's clock: the kernel's may be set otherwise. */
    this.arrivedAt = Date.now() - Math.max(Date.now() - (model.get("updated_at") ?? Date.now()), 0);
    /** When an unanswered click was made; 0 when there is none. */
    this.clickedAt = 0;
    this.find("refresh", "action").addEventListener("click", () => this.refresh());
    this.onChange = () => this.update();
    this.onReading = () => { this.arrivedAt = Date.now(); };
    this.onAnswer = () => { this.clickedAt = 0; this.tick(); };
    model.on("change:updated_at", this.onReading);
    model.on("change", this.onChange);
    model.on("msg:custom", this.onAnswer);
    this.timer = setInterval(() => this.tick(), 1000);
    this.update();
  }

  destroy() {
    clearInterval(this.timer);
    this.model.off("change:updated_at", this.onReading);
    this.model.off("change", this.onChange);
    this.model.off("msg:custom", this.onAnswer);
  }

  refresh() {
    this.clickedAt = Date.now();
    this.model.send({ action: "refresh" });
    setTimeout(() => this.tick(), PATIENCE);
    this.tick();
  }

  /** Show what the kernel's traits say now. */
  update() {
    const { model, root } = this;
    root.dataset.level = model.get("level");
    root.toggleAttribute("data-demo", model.get("simulated"));
    this.text(".evolink-badge", model.get("simulated") ? "demo data" : "");
    this.field("message").textContent = model.get("message");
    for (const half of /** @type {Half[]} */ (["user", "token"])) this.updateHalf(half);
    this.tick();
  }

  /** @param {Half} half */
  updateHalf(half) {
    const { model } = this;
    const remaining = model.get(`${half}_remaining`);
    const used = model.get(`${half}_used`);
    if (remaining === null || used === null) return;
    const unlimited = half === "token" && model.get("token_unlimited");
    const overdrawn = !unlimited && remaining < 0;
    const total = remaining + used;
    const unit = unlimited ? "no limit of its own" : overdrawn ? "overdrawn" : "credits left";
    const shown = unlimited ? "∞" : formatAmount(remaining);
    const share = unlimited || total <= 0 ? 0 : Math.min(Math.max(remaining / total, 0), 1);
    const binding = model.get("binding") === half;

    const number = this.field(`${half}-remaining`);
    setNumber(number, shown);
    setValue(number, unlimited ? null : remaining);
    const row = /** @type {HTMLElement} */ (number.closest("tr"));
    row.dataset.binding = String(binding);
    setText(row, ".evolink-mark", binding ? "spendable" : "");
    setText(row, ".evolink-left .evolink-unit", unit);
    setText(row, ".evolink-used .evolink-unit", "used");
    this.field(`${half}-total`).textContent = unlimited ? "" : `of ${formatAmount(total)} ·`;
    this.field(`${half}-used`).textContent = formatAmount(used);
    setValue(this.field(`${half}-used`), used);

    const gauge = this.find(half, "gauge");
    gauge.setAttribute("aria-valuemax", plainAmount(unlimited ? 1 : Math.max(total, remaining, 0) || 1));
    gauge.setAttribute("aria-valuenow", plainAmount(unlimited ? 0 : Math.max(remaining, 0)));
    const spoken = `${shown.replace("\u2212", "minus ")} of ${formatAmount(total)} ${unit}`;
    gauge.setAttribute("aria-valuetext", unlimited ? unit : spoken);
    const fill = /** @type {SVGElement} */ (gauge.querySelector(".evolink-fill"));
    fill.style.strokeDasharray = `${plainAmount(Math.round(share * 1000) / 10)} 300`;
  }

  /** Show what changes with time alone: the age, and what silence means. */
  tick() {
    const { model, root } = this;
    const age = (Date.now() - this.arrivedAt) / 1000;
    let status = model.get("status");
    const isQuiet = status === "live" && age > MISSED_READINGS * model.get("interval");
    if (isQuiet) status = "stale";
    if (this.clickedAt) {
      status = Date.now() - this.clickedAt >= PATIENCE ? "busy" : "refreshing";
    }
    root.dataset.status = status;
    this.field("status").textContent = isQuiet ? `no word for ${formatAge(age)}` : (PILLS[status] ?? status);
    const updated = model.get("updated_at") === null ? "no reading yet" : `updated ${formatAge(age)} ago`;
    this.field("updated").textContent = `${updated} · every ${plainAmount(model.get("interval"))} s`;
  }

  /** @param {string} name */
  field(name) {
    return this.find(name, "field");
  }

  /**
   * @param {string} name
   * @param {string} kind
   */
  find(name, kind) {
    return /** @type {HTMLElement} */ (this.root.querySelector(`[data-${kind}="${name}"]`));
  }

  /**
   * @param {string} selector
   * @param {string} text
   */
  text(selector, text) {
    setText(this.root, selector, text);
  }
}

/**
 * @param {Element} parent
 * @param {string} selector
 * @param {string} text
 */
function setText(parent, selector, text) {
  const element = parent.querySelector(selector);
  if (element) element.textContent = text;
}

/**
 * The whole part large, the decimals small.
 * @param {HTMLElement} element
 * @param {string} shown
 */
function setNumber(element, shown) {
  const [whole, decimals] = shown.split(".");
  element.textContent = whole;
  if (decimals !== undefined) {
    const small = document.createElement("small");
    small.textContent = `.${decimals}`;
    element.append(small);
  }
  const length = whole.length + 0.6 * (decimals === undefined ? 0 : decimals.length + 1);
  element.style.setProperty("--length", String(Math.round(length * 10) / 10));
}

/**
 * @param {HTMLElement} element
 * @param {number | null} amount
 */
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
