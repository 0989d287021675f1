// The books of one demo conference: what was said, sent, confirmed and stored.
// They tell whether it adds up.

export class Ledger {
  said = 0;
  ack = -1;
  /** What was stored, in order; null until it was read for the first time. */
  stored = null;
  /** Why the collector refused a push, "" when it never did. */
  refusal = "";
  readable = true;
  over = false;
  #sent = new Map();
  #dropped = new Set();
  #lost = new Set();

  /** Take note of a push that left, or of what became of it. */
  record(push) {
    for (const { seq, m } of push.samples) this.#sent.set(seq, m);
    for (const name of push.answer.dropped ?? []) this.#dropped.add(name.replace(/^m\./, ""));
    if (push.state === "confirmed") this.ack = Math.max(this.ack, push.answer.ack ?? -1);
    if (push.state === "refused" && push.status < 500 && push.status !== 429) {
      this.refusal = `${push.answer.error ?? push.status}: ${push.answer.detail ?? ""}`;
    }
  }

  /** Take note of what the store holds; `ack` is what was confirmed before it was asked. */
  read(samples, ack) {
    this.stored = samples;
    this.readable = true;
    const held = new Set(samples.map((it) => it.seq));
    this.#lost = new Set([...this.#sent.keys()].filter((seq) => seq <= ack && !held.has(seq)));
  }

  get sent() {
    return this.#sent.size;
  }

  get confirmed() {
    return [...this.#sent.keys()].filter((seq) => seq <= this.ack).length;
  }

  get waiting() {
    return this.sent - this.confirmed;
  }

  /** Confirmed samples that the store does not have. */
  get lost() {
    return this.#lost.size;
  }

  /** Samples stored more than once. */
  get doubled() {
    const stored = this.stored ?? [];
    return stored.length - new Set(stored.map((it) => it.seq)).size;
  }

  /** Stored samples with a reading that differs from the one that was sent. */
  get altered() {
    return (this.stored ?? []).filter((it) => {
      const sent = this.#sent.get(it.seq);
      return sent !== undefined && !this.#contains(it, sent, "");
    }).length;
  }

  get exact() {
    return this.lost + this.doubled + this.altered === 0;
  }

  /** All that was sent, the good-bye included, is confirmed and stored. */
  get settled() {
    return (
      this.waiting === 0 && this.stored?.length === this.sent && this.stored.at(-1)?.bye === true
    );
  }

  // The collector adds to a sample what only it knows (`t.rip`), so `stored` may have more.
  #contains(stored, sent, path) {
    if (this.#dropped.has(path)) return true;
    if (sent === null || typeof sent !== "object" || Array.isArray(sent)) {
      return JSON.stringify(stored) === JSON.stringify(sent);
    }
    return Object.entries(sent).every(([key, value]) =>
      this.#contains(stored?.[key], value, path ? `${path}.${key}` : key),
    );
  }
}
