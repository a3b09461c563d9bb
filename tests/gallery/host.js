// @ts-check
/**
 * What stands around the card in the gallery, as anywidget does in a front end: the kernel's traits as a
 * model, and the card's own code as a module.
 */

class Model {
  /** @param {Record<string, any>} state  @param {number[][]} points */
  constructor(state, points) {
    this.state = state;
    this.points = points;
    /** @type {object[]} what the card has sent */
    this.sent = [];
    /** @type {Record<string, ((content?: any) => void)[]>} */
    this.listeners = {};
  }
  /** @param {string} name */
  get(name) {
    return this.state[name];
  }
  /** @type {(event: string, listener: (content?: any) => void) => void} */
  on(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }
  /** @type {(event: string, listener: (content?: any) => void) => void} */
  off(event, listener) {
    this.listeners[event] = (this.listeners[event] ?? []).filter((other) => other !== listener);
  }
  /** The kernel answers questions about the past, and leaves clicks unanswered.
   * @param {any} content */
  send(content) {
    this.sent.push(content);
    if (content.action === "history") this.emit("msg:custom", { answer: "history", points: this.points });
  }
  /** One update of the kernel's, or the card's own of one trait.
   * @type {(changes: string | Record<string, any>, value?: any) => void} */
  set(changes, value) {
    if (typeof changes === "string") return this.set({ [changes]: value });
    Object.assign(this.state, changes);
    for (const name in changes) this.emit(`change:${name}`);
    this.emit("change");
  }
  save_changes() {
    this.sent.push({ action: "save" });
  }
  /** @type {(event: string, content?: any) => void} */
  emit(event, content) {
    for (const listener of this.listeners[event] ?? []) listener(content);
  }
}

/** @type {any} */ (globalThis).host = {
  /** @type {(scene: {code: string, state: object, points: number[][]}) => Promise<void>} */
  async show({ code, state, points }) {
    const { default: widget } = await import(
      URL.createObjectURL(new Blob([code], { type: "text/javascript" }))
    );
    this.model = new Model(state, points);
    widget.render({ model: this.model, el: document.querySelector("#card") });
  },
};
