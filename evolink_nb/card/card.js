// @ts-check
/**
 * The live card: fills the fields of card.html from the kernel's traits.
 *
 * Everything is set as text: the template is the only markup. The exported functions are pure. formatting.py
 * and gauge.py have the same logic for static cards; tests compare them.
 *
 * @typedef {import("@anywidget/types").AnyModel<Traits>} Model
 * @typedef {import("@anywidget/types").Render<Traits>} Render
 * @typedef {"user" | "token"} Half
 * @typedef {[milliseconds: number, credits: number]} Point  of the sparkline
 */

/**
 * Where a card is shown: small in its own place, as a pill in the corner of the page, or in a window; "" for
 * large, in its own place.
 *
 * @typedef {"" | "compact" | "pill" | "window"} Form
 */

/**
 * The synced traits of CreditsWidget (widget.py). Times of day are in milliseconds of the kernel's clock.
 *
 * @typedef {object} Traits
 * @property {string} _template  the markup to fill
 * @property {number | null} user_remaining
 * @property {number | null} user_used
 * @property {number | null} token_remaining
 * @property {number | null} token_used
 * @property {boolean} token_unlimited
 * @property {Half} binding
 * @property {string} account  tells it from other accounts on the page
 * @property {boolean} compact
 * @property {boolean} needs_key  whether to ask for a key
 * @property {string} level
 * @property {boolean} simulated
 * @property {number} spent
 * @property {number | null} burn_rate  credits per second
 * @property {number | null} runway  seconds
 * @property {string} status
 * @property {string} message
 * @property {string} request  identifies the request that failed
 * @property {string} alarm
 * @property {string} notice
 * @property {string} outlook
 * @property {string} worth
 * @property {string} limits
 * @property {number | null} updated_at
 * @property {number | null} retry_at
 * @property {number | null} retry_in  seconds until retry_at, at the time of sending
 * @property {number} interval  seconds
 */

/** Milliseconds after which an unanswered click means that the kernel is busy. */
const CLICK_TIMEOUT = 1000;
/** Intervals without a reading after which the card is stale. */
const MAX_MISSED_READINGS = 3;
/** Milliseconds between two heartbeats: the kernel forgets a silent view. */
const HEARTBEAT_INTERVAL = 60_000;
/** Milliseconds after which a view repeats that it is visible: the kernel may have missed the first report. */
const CONFIRM_AFTER = 3000;
/** The most points in the sparkline; answers.py has the same number. */
const MAX_POINTS = 60;
/** The smallest range that a sparkline's height stands for, as a fraction of the last amount. */
const MIN_SCALE = 0.01;
/** Milliseconds for which the last change is shown. */
const CHANGE_SHOWN = 1000;
/** The steps between readings and the seconds that a burn rate needs; the longest step that counts, in seconds. */
const MIN_STEPS = 3;
const MIN_RECORD = 20;
const MAX_STEP = 600;

/** @type {Record<string, string>}  labels of statuses whose name is not their label */
const STATUS_LABELS = {
  loading: "reading…",
  "rate-limited": "rate limited",
  unauthorized: "not authorized",
  busy: "kernel busy · click queued",
  gone: "kernel gone",
  error: "can't read",
};
const PIN = { label: "Pin to the corner of the page", icon: "M6 2h4l-.5 5L12 9.5H4L6.5 7zM8 9.5V14" };
const UNPIN = { label: "Put back", icon: "M4 4l8 8M12 4l-8 8" };
const SMALLER = { label: "Smaller", icon: "M13.5 2.5 9.5 6.5M9.5 3v3.5H13M2.5 13.5l4-4M3 9.5h3.5V13" };
const LARGER = { label: "Larger", icon: "M9.5 6.5l4-4M10 2.5h3.5V6M6.5 9.5l-4 4M6 13.5H2.5V10" };
const GONE_MESSAGE = "This card's kernel is gone. Run its cell again.";
const PAUSE = { label: "Pause", icon: "M5.5 3.5v9M10.5 3.5v9" };
const RESUME = { label: "Resume", icon: "M5 3.5v9l7.5-4.5z" };
const MINUS = "\u2212";
const INFINITY = "∞";

const fourDecimals = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });
const threeFigures = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
// Created once: creating one takes longer than everything else in a tick.
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// -- formats ---------------------------------------------------------------------------------------------

/**
 * Return credits with thousands separators and at most 4 decimals; "<0.0001" for less than that.
 *
 * @param {number} amount  credits
 */
export function formatAmount(amount) {
  const sign = amount < 0 ? MINUS : "";
  if (amount && Math.abs(amount) < 0.00005) return `${sign ? ">" : "<"}${sign}0.0001`;
  return sign + fourDecimals.format(Math.abs(amount));
}

/**
 * Return a number with all its digits and no exponent.
 *
 * @param {number} amount
 */
export function plainAmount(amount) {
  const text = String(amount + 0); // -0 is "0"
  if (text.includes("e+")) return String(BigInt(amount));
  return text.includes("e") ? amount.toFixed(20).replace(/\.?0+$/, "") : text;
}

/**
 * Return a duration in its one or two largest units: "12 s", "2 min", "1 h 28 min" or "3 d 4 h".
 *
 * @param {number} seconds
 */
export function formatTime(seconds) {
  const whole = Math.max(Math.trunc(seconds), 0);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.trunc(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.trunc(minutes / 60);
  const [large, rest, small] =
    hours < 24 ? [`${hours} h`, minutes % 60, "min"] : [`${Math.trunc(hours / 24)} d`, hours % 24, "h"];
  return rest ? `${large} ${rest} ${small}` : large;
}

/**
 * Return a burn rate with three significant figures, per minute or per hour: "12.4 / min" or "3 / h".
 *
 * @param {number} rate  credits per second
 */
export function formatRate(rate) {
  return rate * 60 >= 1 ? `${threeFigures.format(rate * 60)} / min` : `${threeFigures.format(rate * 3600)} / h`;
}

/**
 * Return a text with its amount shortened to be read at a glance: "1,095" for "1,095.3996", "1.217 M" for
 * "1,217,283.9409".
 *
 * @param {string} text
 */
export function shorten(text) {
  return text.replace(/(\d{1,3}(?:,\d{3})+)(\.\d+)?/, (_, whole) => {
    const [first, second, ...rest] = whole.split(",");
    const count = rest.length;
    return count ? `${first}.${second}${count < 4 ? `\u00a0${"MBT"[count - 1]}` : `e${3 * count + 3}`}` : whole;
  });
}

/**
 * Return the line through readings as an SVG path in a box of 100 by 40; "" for fewer than two.
 *
 * @param {Point[]} points  in chronological order
 */
export function sparkline(points) {
  if (points.length < 2) return "";
  const start = points[0][0];
  const [end, last] = points[points.length - 1];
  const width = end - start || 1;
  const amounts = points.map(([, amount]) => amount);
  const low = Math.min(...amounts);
  const high = Math.max(...amounts);
  const middle = (low + high) / 2;
  const scale = Math.max(high - low, Math.abs(last) * MIN_SCALE) || 1;
  const spots = points.map(([time, amount]) => {
    const x = ((time - start) / width) * 100;
    const y = 20 - ((amount - middle) / scale) * 32;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${spots.join("L")}`;
}

/**
 * Return the time that a sparkline spans, in words; "" if there is no line.
 *
 * @param {Point[]} points  in chronological order
 */
function spanOf(points) {
  if (points.length < 2) return "";
  return `last ${formatTime((points[points.length - 1][0] - points[0][0]) / 1000)}`;
}

/**
 * Return a sentence on when a burn rate will be known; forecast.py has the requirements.
 *
 * @param {number} readings  so far
 * @param {number} observed  seconds since the first
 * @param {number} interval  seconds between two
 * @param {number} spent  credits
 */
export function rateHint(readings, observed, interval, spent) {
  if (interval > MAX_STEP) return `Burn and runway need a reading every ${formatTime(MAX_STEP)}.`;
  const missing = Math.max((MIN_STEPS + 1 - readings) * interval, MIN_RECORD - observed);
  if (missing > 0) return `Burn and runway show in about ${formatTime(Math.ceil(missing))}.`;
  return `Burn and runway show ${spent ? "when spending resumes" : "once credits are spent"}.`;
}

// -- decisions -------------------------------------------------------------------------------------------

/**
 * Return what is shown of one half of a reading; gauge.py documents the fields.
 *
 * @param {{ remaining: number, used: number, unlimited: boolean }} amounts  in credits
 */
export function gaugeOf({ remaining, used, unlimited }) {
  const common = { used: formatAmount(used), usedValue: used };
  if (unlimited) {
    const unit = "no limit of its own";
    const empty = { total: "", share: 0, maximum: 1, now: 0 };
    return { ...common, ...empty, remaining: INFINITY, remainingValue: null, unit, spoken: unit };
  }
  const total = Number((remaining + used).toFixed(6)); // without the noise of adding floats
  const share = total > 0 ? Math.min(Math.max(remaining / total, 0), 1) : 0;
  const shown = formatAmount(remaining);
  const unit = remaining < 0 ? "overdrawn" : "credits left";
  return {
    ...common,
    remaining: shown,
    remainingValue: remaining,
    unit,
    total: formatAmount(total),
    share: Math.round(share * 1000) / 10,
    maximum: Math.max(total, remaining, 0) || 1,
    now: Math.max(remaining, 0),
    spoken: `${shown.replace(MINUS, "minus ")} of ${formatAmount(total)} ${unit}`,
  };
}

/**
 * What a card knows about its kernel. Times are those of `performance.now()`: no clock has to be right.
 *
 * @typedef {object} Situation
 * @property {string} reported  the kernel's status
 * @property {boolean} disconnected  whether the kernel has ended
 * @property {boolean} visible
 * @property {number} now
 * @property {number | null} clickedAt  when an unanswered click was made
 * @property {number} arrivedAt  when the newest reading was taken
 * @property {number} visibleSince
 * @property {number | null} retryAt  when the server allows the next attempt
 * @property {boolean} queued  whether an answered click waits for that attempt
 * @property {number} interval  seconds between two readings
 */

/**
 * Return the status a card shows, and its label. A kernel that is gone or busy can't report it; its silence
 * shows it.
 *
 * @param {Situation} situation
 * @returns {{ status: string, label: string }}
 */
export function displayStatus(situation) {
  const { reported, disconnected, visible, now, clickedAt, arrivedAt, visibleSince, retryAt } = situation;
  if (disconnected) return { status: "gone", label: STATUS_LABELS.gone };
  if (clickedAt !== null) {
    const status = now - clickedAt < CLICK_TIMEOUT ? "refreshing" : "busy";
    return { status, label: STATUS_LABELS[status] ?? status };
  }
  const age = (now - arrivedAt) / 1000;
  const silence = Math.min(age, (now - visibleSince) / 1000);
  const isExpected = visible && (reported === "live" || reported === "refreshing");
  if (isExpected && silence > MAX_MISSED_READINGS * Math.max(situation.interval, 1)) {
    return { status: "stale", label: `no update for ${formatTime(age)}` };
  }
  const label = STATUS_LABELS[reported] ?? reported;
  const wait = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
  const next = situation.queued ? "refresh in " : "";
  return { status: reported, label: wait > 0 ? `${label} · ${next}${formatTime(wait)}` : label };
}

// -- the page --------------------------------------------------------------------------------------------

/** One view of the card. `destroy` undoes everything it has set up. */
class Card {
  #id = Math.random().toString(36).slice(2);
  #abort = new AbortController();
  #disconnected = false;
  #visible = false;
  #visibleSince = performance.now();
  /** When the newest reading was taken. */
  #arrivedAt;
  /** @type {number | null}  when the server allows the next attempt */
  #retryAt;
  /** @type {number | null}  when an unanswered click was made */
  #clickedAt = null;
  #queued = false;
  /** @type {string | undefined}  the binding half, and what it had left, at the last reading */
  #binding;
  #last = 0;
  #rows = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #changeTimer;
  /** @type {Point[]} */
  #points = [];
  /** When the first of all points was read: only the last are kept. */
  #observedSince = performance.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #confirmation;
  #outputChanges = new MutationObserver(() => this.#removeFallback());
  #model;
  #element;
  /** The card with its styles: what moves when it is pinned or popped out. */
  #frame = document.createElement("div");
  /** Takes the card's place while it is elsewhere. */
  #note = document.createElement("div");
  #root;
  /** @type {Record<string, HTMLElement>}  elements of the template, by their selectors */
  #found = {};
  /** @type {Record<string, string>}  what fields show: faster to compare with than what the page has */
  #texts = {};
  /** @type {Window | undefined}  the window that the card was popped out to */
  #window;

  /**
   * @param {Model} model  the kernel's side
   * @param {HTMLElement} element  the card's container
   */
  constructor(model, element) {
    this.#model = model;
    this.#element = element;
    // A guess from the kernel's and the browser's clock until the kernel answers; a saved page has no kernel.
    const now = performance.now();
    const guess = now - Date.now();
    const retryAt = model.get("retry_at");
    this.#arrivedAt = Math.min((model.get("updated_at") ?? Infinity) + guess, now);
    this.#retryAt = retryAt && retryAt + guess;
    this.#frame.innerHTML = model.get("_template");
    this.#note.dataset.live = "";
    element.append(this.#frame);
    this.#root = query(element, ".evolink-card");
    this.#listenToUser();
    this.#listenToKernel();
    this.#watchVisibility();
    this.update();
    this.#send("history");
  }

  destroy() {
    this.#abort.abort();
    this.#bringBack();
    this.#send("leave");
  }

  // -- from the kernel and the page --

  #listenToUser() {
    this.#button("refresh").onclick = () => this.#onRefresh();
    this.#button("pause").onclick = () => this.#onPause();
    this.#button("notify").onclick = () => this.#onNotify();
    this.#button("compact").onclick = () => this.#onCompact();
    this.#button("pin").onclick = () => (this.#isAway ? this.#bringBack() : this.#onPin());
    const popOut = this.#button("popout");
    popOut.onclick = () => this.#onPopOut();
    popOut.hidden = !pictureInPicture();
    this.#button("demo").onclick = () => this.#send("demo");
    this.#button("login").onclick = () => this.#onLogin();
    // In JupyterLab Enter doesn't submit a form.
    this.#find(".evo-key").onsubmit = (event) => event.preventDefault();
    this.#find(".evo-key input").onkeydown = ({ key }) => {
      if (key === "Enter") this.#onLogin();
    };
    this.#frame.onkeydown = ({ key }) => {
      if (key === "Escape") this.#bringBack();
    };
  }

  #listenToKernel() {
    const model = this.#model;
    /** @type {Record<string, (content?: any) => void>} */
    const listeners = {
      "change:updated_at": () => this.#onReading(),
      "change:retry_at": () => this.#setWait(model.get("retry_in")),
      "change:notice": () => this.#sendNotification("notice"),
      "change:alarm": () => this.#sendNotification("alarm"),
      change: () => this.update(),
      comm_live_update: () => this.#onDisconnect(),
      "msg:custom": (content) => this.#onMessage(content),
    };
    for (const [event, listener] of Object.entries(listeners)) {
      model.on(event, listener);
      this.#onDestroy(() => model.off(event, listener));
    }
  }

  #watchVisibility() {
    const { signal } = this.#abort;
    const check = () => this.#checkVisible();
    const sizes = new ResizeObserver(check);
    sizes.observe(this.#root);
    document.addEventListener("visibilitychange", check, { signal });
    const says = this.#find(".evo-says");
    const fit = new ResizeObserver(() => this.#checkFit());
    for (const each of [says, ...says.querySelectorAll("[data-field]")]) fit.observe(each);
    const ticking = setInterval(() => this.#everySecond(), 1000);
    this.#onDestroy(() => {
      sizes.disconnect();
      fit.disconnect();
      this.#outputChanges.disconnect();
      clearInterval(ticking);
      clearTimeout(this.#confirmation);
      clearTimeout(this.#changeTimer);
    });
  }

  /** @param {() => void} cleanUp */
  #onDestroy(cleanUp) {
    this.#abort.signal.addEventListener("abort", cleanUp);
  }

  #onRefresh() {
    this.#clickedAt = performance.now();
    this.#send("refresh");
    this.#tick();
  }

  #onPause() {
    this.#send(this.#model.get("status") === "paused" ? "resume" : "pause");
  }

  #onNotify() {
    globalThis.Notification?.requestPermission().then(() => this.#tick());
  }

  #onReading() {
    const now = performance.now();
    this.#arrivedAt = now;
    const amount = this.#spendable();
    if (amount !== null) this.#points = [...this.#points, /** @type {Point} */ ([now, amount])].slice(-MAX_POINTS);
  }

  #spendable() {
    return this.#model.get(`${this.#model.get("binding")}_remaining`) ?? null;
  }

  /** Send the key in the message's buffers: a kernel's log may show the message's content. */
  #onLogin() {
    const input = /** @type {HTMLInputElement} */ (this.#find(".evo-key input"));
    const { buffer } = new TextEncoder().encode(input.value);
    input.value = "";
    if (buffer.byteLength) this.#send("login", undefined, [buffer]);
  }

  #onCompact() {
    const model = this.#model;
    model.set("compact", !model.get("compact"));
    this.update();
    try {
      model.save_changes();
    } catch {
      this.#onDisconnect();
    }
  }

  #onPin() {
    const account = this.#model.get("account");
    query(document.body, `[data-evolink="${account}"] [data-action=pin]`)?.click();
    const corner = document.querySelector("#evolink-corner") ?? document.createElement("div");
    corner.id = "evolink-corner";
    // The host's dialogs stay above it.
    corner.setAttribute("style", "position: fixed; z-index: 999; right: 16px; bottom: 16px; display: grid; gap: 8px");
    document.body.append(corner);
    this.#frame.dataset.evolink = account;
    this.#move(corner, "This card is in the corner of the page.");
  }

  async #onPopOut() {
    const { width, height } = this.#root.getBoundingClientRect();
    const style = getComputedStyle(this.#root);
    const view = await pictureInPicture().requestWindow({ width: Math.max(width, 300), height: Math.max(height, 96) });
    // The window doesn't have the host's colours.
    for (const name of ["color-scheme", "font-family", "--text", "--surface"]) {
      this.#root.style.setProperty(name, style.getPropertyValue(name));
    }
    this.#window = view;
    view.document.title = "EvoLink credits";
    view.onpagehide = () => this.#bringBack();
    // A hidden page's own timers hardly run.
    view.setInterval(() => this.#everySecond(), 1000);
    this.#move(view.document.body, "This card is in a window of its own.");
  }

  get #isAway() {
    return this.#note.parentNode !== null;
  }

  /**
   * @param {Element} place
   * @param {string} note  the text to show where it was
   */
  #move(place, note) {
    this.#note.textContent = note;
    this.#element.append(this.#note);
    place.append(this.#frame);
    this.#onMove();
  }

  #bringBack() {
    if (!this.#isAway) return;
    this.#note.replaceWith(this.#frame);
    delete this.#frame.dataset.evolink;
    const view = this.#window;
    this.#window = undefined;
    this.#root.removeAttribute("style");
    view?.close();
    this.#onMove();
  }

  #onMove() {
    const corner = document.querySelector("#evolink-corner");
    if (!corner?.hasChildNodes()) corner?.remove();
    this.#showForm();
    this.#tick();
    this.#checkVisible();
    this.#button("pin").focus(); // a move takes the focus away
  }

  /** @param {number | null} [seconds]  until the server allows the next attempt */
  #setWait(seconds) {
    this.#retryAt = seconds ? performance.now() + seconds * 1000 : null;
  }

  /** Called by front ends when the kernel was restarted, or can't be reached any more. */
  #onDisconnect() {
    this.#disconnected = true;
    for (const action of ["refresh", "pause", "notify"]) {
      /** @type {HTMLButtonElement} */ (this.#button(action)).disabled = true;
    }
  }

  /** @param {{ answer: string, age?: number, wait?: number, points?: Point[] }} content  the kernel's answer */
  #onMessage({ answer, age, wait, points }) {
    const now = performance.now();
    if (answer === "gone") this.#onDisconnect();
    if (answer === "refresh") {
      this.#clickedAt = null;
      this.#queued = true;
    }
    if (age !== undefined) {
      this.#arrivedAt = now - age * 1000;
      this.#setWait(wait);
    }
    if (points) this.#points = points.map(([time, amount]) => [now + time, amount]);
    this.#draw();
    this.#tick();
  }

  #checkVisible() {
    const { ownerDocument } = this.#root;
    this.#setVisible(!ownerDocument.hidden && this.#root.getClientRects().length > 0);
  }

  /** @param {boolean} visible  to the user; the kernel polls less often if no view is */
  #setVisible(visible) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#visibleSince = performance.now();
    const output = this.#removeFallback();
    if (output) this.#outputChanges.observe(output, { childList: true, subtree: true });
    this.#send("show", visible);
    if (visible) this.#send("history"); // readings taken meanwhile were not sent
    clearTimeout(this.#confirmation);
    this.#confirmation = setTimeout(() => this.#visible && this.#send("show", true), CONFIRM_AFTER);
  }

  /** Remove the saved file's static card from the page; return the output area searched. */
  #removeFallback() {
    const output = this.#element.closest(".jp-OutputArea");
    for (const fallback of output?.querySelectorAll(".evo-fallback") ?? []) fallback.remove();
    return output;
  }

  // -- to the kernel --

  /**
   * @param {string} action
   * @param {boolean} [visible]
   * @param {ArrayBuffer[]} [buffers]
   */
  #send(action, visible, buffers) {
    if (this.#disconnected) return;
    try {
      this.#model.send({ action, view: this.#id, visible }, undefined, buffers);
    } catch {
      this.#onDisconnect(); // the comm is closed
    }
  }

  /** @param {"notice" | "alarm"} trait */
  #sendNotification(trait) {
    const text = this.#model.get(trait);
    if (text && globalThis.Notification?.permission === "granted") {
      new Notification("EvoLink credits", { body: text });
    }
  }

  // -- display --

  /** Show the current values of the kernel's traits. */
  update() {
    const model = this.#model;
    this.#root.dataset.level = model.get("level");
    this.#root.toggleAttribute("data-demo", model.get("simulated"));
    this.#setField("badge", model.get("simulated") ? "demo data" : "");
    this.#setField("notice", model.get("notice"));
    this.#setField("alarm", model.get("alarm"));
    this.#setField("outlook", model.get("outlook"));
    this.#setField("worth", model.get("worth"));
    this.#showHalf("user", false);
    this.#showHalf("token", model.get("token_unlimited"));
    this.#renewRows();
    this.#showChange();
    this.#showForm();
    const rate = model.get("burn_rate");
    const runway = model.get("runway");
    const spent = model.get("spent");
    this.#setField("burn-rate", rate ? formatRate(rate) : "");
    this.#setField("runway", runway ? `≈ ${formatTime(runway)}` : "");
    this.#setField("spent", spent ? formatAmount(spent) : "");
    setValue(this.#field("spent"), spent || null);
    this.#draw();
    this.#tick();
  }

  #showForm() {
    const compact = this.#model.get("compact");
    /** @type {Form} */
    const form = this.#window ? "window" : this.#isAway ? "pill" : compact ? "compact" : "";
    if (form) this.#root.dataset.form = form;
    else delete this.#root.dataset.form;
    const pin = this.#isAway ? UNPIN : PIN;
    label(this.#button("pin"), pin.label, pin.icon);
    const { label: name, icon } = compact ? LARGER : SMALLER;
    label(this.#button("compact"), name, icon);
  }

  #draw() {
    const model = this.#model;
    const points = this.#points;
    const path = sparkline(points);
    this.#find(".evo-curve").setAttribute("d", path);
    this.#find(".evo-area").setAttribute("d", path && `${path}L100 40L0 40Z`);
    this.#setField("span", spanOf(points));
    this.#observedSince = Math.min(this.#observedSince, points[0]?.[0] ?? Infinity);
    const observed = (performance.now() - this.#observedSince) / 1000;
    const hint = rateHint(points.length, observed, model.get("interval"), model.get("spent"));
    this.#setField("hint", model.get("burn_rate") ? "" : hint);
  }

  /** Show briefly by how much the balance has changed. */
  #showChange() {
    const binding = this.#model.get("binding");
    const amount = this.#spendable();
    if (amount === null) return;
    const change = Number((amount - this.#last).toFixed(6));
    if (binding === this.#binding && change) {
      const field = `${binding}-change`;
      this.#setField(field, (change > 0 ? "+" : "") + formatAmount(change));
      clearTimeout(this.#changeTimer);
      this.#changeTimer = setTimeout(() => this.#setField(field, ""), CHANGE_SHOWN);
    }
    this.#binding = binding;
    this.#last = amount;
  }

  /** Reinsert the rows when they change places or columns: they then fade in anew, and nothing moves. */
  #renewRows() {
    const form = `${this.#model.get("binding")} ${this.#model.get("token_unlimited")}`;
    const rows = this.#find("tbody");
    if (form !== this.#rows) rows.append(...rows.children);
    this.#rows = form;
  }

  /**
   * @param {Half} half
   * @param {boolean} unlimited
   */
  #showHalf(half, unlimited) {
    const model = this.#model;
    const remaining = model.get(`${half}_remaining`);
    const used = model.get(`${half}_used`);
    if (remaining === null || used === null) return;
    const gauge = gaugeOf({ remaining, used, unlimited });
    const binding = model.get("binding") === half;
    const meter = this.#find(`[data-gauge=${half}]`);
    const level = model.get("level");

    setNumber(this.#field(`${half}-remaining`), gauge.remaining);
    setValue(this.#field(`${half}-remaining`), gauge.remainingValue);
    setNumber(this.#field(`${half}-used`), gauge.used);
    setValue(this.#field(`${half}-used`), gauge.usedValue);
    this.#setField(`${half}-dot`, gauge.total && "·");
    this.#setField(`${half}-word`, "used");
    setNumber(this.#field(`${half}-total`), gauge.total && `of ${gauge.total}`);
    this.#setField(`${half}-unit`, gauge.unit);
    const mark = level === "ok" ? "spendable" : level === "overdrawn" ? "" : level;
    this.#setField(`${half}-mark`, binding ? mark : "");

    meter.closest("tr")?.setAttribute("data-binding", String(binding));
    meter.toggleAttribute("data-unlimited", unlimited);
    meter.setAttribute("aria-valuemax", plainAmount(gauge.maximum));
    meter.setAttribute("aria-valuenow", plainAmount(gauge.now));
    meter.setAttribute("aria-valuetext", gauge.spoken);
    meter.style.setProperty("--share", plainAmount(gauge.share));
  }

  #everySecond() {
    this.#checkFit(); // in a window of its own, sizes aren't observed
    this.#tick();
  }

  /** Update what changes with time alone: ages, waits, and what the kernel's silence means. */
  #tick() {
    const model = this.#model;
    const now = performance.now();
    if (this.#visible && Date.now() % HEARTBEAT_INTERVAL < 1000) this.#send("show", true);
    const reported = model.get("status");
    this.#queued &&= reported === "rate-limited";
    const { status, label } = displayStatus({
      reported,
      disconnected: this.#disconnected,
      visible: this.#visible,
      now,
      clickedAt: this.#clickedAt,
      arrivedAt: this.#arrivedAt,
      visibleSince: this.#visibleSince,
      retryAt: this.#retryAt,
      queued: this.#queued,
      interval: model.get("interval"),
    });
    this.#root.dataset.status = status;
    const needsKey = model.get("needs_key") && !this.#disconnected;
    this.#find(".evo-key").hidden = !needsKey;
    const shown = needsKey && !model.get("account") ? "no key" : label;
    this.#setField("status", shown);
    // A small card may cut the text off.
    setTitle(this.#field("status"), Boolean(this.#root.dataset.form) && shown);
    const isGone = status === "gone";
    this.#setField("message", isGone ? GONE_MESSAGE : model.get("message"));
    setTitle(this.#field("message"), !isGone && model.get("request") && `Request ${model.get("request")}`);
    const age = now - this.#arrivedAt;
    const isRead = model.get("updated_at") !== null;
    const readAt = new Date(Date.now() - age);
    this.#setField("updated", isRead ? `updated ${formatTime(age / 1000)} ago` : "no reading yet");
    setTitle(this.#field("updated"), isRead && dateAndTime.format(readAt));
    this.#setField("time", isRead ? timeOfDay.format(readAt) : "");
    this.#setField("cadence", `every ${plainAmount(model.get("interval"))} s`);
    this.#showButtons();
  }

  /** Make text that doesn't fit focusable: focus shows all of it. Measuring sizes is slow before a layout. */
  #checkFit() {
    const says = this.#find(".evo-says");
    if (says.matches(":hover, :focus")) return;
    const fields = [...says.querySelectorAll("[data-field]")];
    says.tabIndex = fields.some((field) => field.scrollHeight > field.clientHeight) ? 0 : -1;
  }

  #showButtons() {
    const { label: name, icon } = this.#model.get("status") === "paused" ? RESUME : PAUSE;
    label(this.#button("pause"), name, icon);
    const limits = this.#model.get("limits");
    const notify = this.#button("notify");
    notify.hidden = !limits || globalThis.Notification?.permission !== "default";
    notify.title = `Notify me: ${limits}`;
  }

  /**
   * Return an element of the template; it stays the same, so it is looked up only once.
   *
   * @param {string} selector
   */
  #find(selector) {
    return (this.#found[selector] ??= query(this.#root, selector));
  }

  /** @param {string} name */
  #field(name) {
    return this.#find(`[data-field=${name}]`);
  }

  /** @param {string} action */
  #button(action) {
    return this.#find(`[data-action=${action}]`);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #setField(name, text) {
    if (this.#texts[name] !== text) this.#field(name).textContent = this.#texts[name] = text;
  }
}

/**
 * @param {Element} parent
 * @param {string} selector  of an element in the template
 */
function query(parent, selector) {
  return /** @type {HTMLElement} */ (parent.querySelector(selector));
}

/** The Document Picture-in-Picture API; not all browsers have it, and none within a frame. */
function pictureInPicture() {
  return /** @type {any} */ (globalThis).documentPictureInPicture;
}

/**
 * @param {HTMLElement} button
 * @param {string} name
 * @param {string} [icon]  a new icon
 */
function label(button, name, icon) {
  if (button.title === name) return;
  button.ariaLabel = button.title = name;
  if (icon) query(button, "path").setAttribute("d", icon);
}

/**
 * @param {HTMLElement} element
 * @param {string | false} title
 */
function setTitle(element, title) {
  if (title === element.title) return;
  if (title) element.title = title;
  else element.removeAttribute("title");
}

/**
 * Show an amount: its decimals separate, and in short if it is long. card.css fades it in.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
function setNumber(element, text) {
  const shown = element.textContent ?? "";
  if (shown === text) return;
  const [whole, decimals] = text.split(".");
  const parts = element.firstElementChild?.childNodes;
  if (parts && shown.replace(/\d/g, "0") === text.replace(/\d/g, "0")) {
    // Faster than new elements. Elements that stay would be seen to move if the text had another length.
    parts[0].nodeValue = whole;
    if (decimals) parts[1].textContent = `.${decimals}`;
    element.firstElementChild.toggleAttribute("data-again"); // restarts the animation
  } else {
    const number = document.createElement("span");
    number.append(whole);
    if (decimals) number.appendChild(document.createElement("small")).append(`.${decimals}`);
    element.replaceChildren(...(text ? [number] : []));
  }
  const short = shorten(text);
  setTitle(element, short !== text && text);
  if (short === text) delete element.dataset.short;
  else element.dataset.short = short;
}

/**
 * @param {HTMLElement} element
 * @param {number | null} amount  the unformatted number behind its text
 */
function setValue(element, amount) {
  if (amount === null) delete element.dataset.value;
  else element.dataset.value = plainAmount(amount);
}

/** @type {Render} */
function render({ model, el }) {
  const card = new Card(model, el);
  return () => card.destroy();
}

export default { render };
