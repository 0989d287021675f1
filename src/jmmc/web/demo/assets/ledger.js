// Counts what was raised, sent, confirmed and stored in one demo meeting, and compares it.

export class Ledger {
  /** Statistics events of the Jitsi page. */
  raised = 0;
  /** The highest confirmed sequence number. */
  ack = -1;
  /** The stored samples in order; null until they were read for the first time. */
  stored = null;
  /** Why the collector rejected a push; "" if it never did. */
  rejection = "";
  isReadable = true;
  isOver = false;
  #sent = new Map();
  #dropped = new Set();
  #lost = new Set();

  /** Record a push that was sent, or its result. */
  record(push) {
    for (const { seq, m } of push.samples) this.#sent.set(seq, m);
    for (const name of push.answer.dropped ?? []) this.#dropped.add(name.replace(/^m\./, ""));
    if (push.state === "confirmed") this.ack = Math.max(this.ack, push.answer.ack ?? -1);
    if (push.state === "rejected" && push.status < 500 && push.status !== 429) {
      this.rejection = `${push.answer.error ?? push.status}: ${push.answer.detail ?? ""}`;
    }
  }

  /** Record the stored samples; `ack` is the value of before they were read. */
  read(samples, ack) {
    this.stored = samples;
    this.isReadable = true;
    const held = new Set(samples.map((sample) => sample.seq));
    this.#lost = new Set([...this.#sent.keys()].filter((seq) => seq <= ack && !held.has(seq)));
  }

  get sent() {
    return this.#sent.size;
  }

  get confirmed() {
    return [...this.#sent.keys()].filter((seq) => seq <= this.ack).length;
  }

  get queued() {
    return this.sent - this.confirmed;
  }

  /** Confirmed samples that are not in the store. */
  get lost() {
    return this.#lost.size;
  }

  /** Samples stored more than once. */
  get doubled() {
    const stored = this.stored ?? [];
    return stored.length - new Set(stored.map((sample) => sample.seq)).size;
  }

  /** Stored samples with a reading that differs from what was sent. */
  get altered() {
    return (this.stored ?? []).filter((sample) => {
      const sent = this.#sent.get(sample.seq);
      return sent !== undefined && !this.#contains(sample, sent, "");
    }).length;
  }

  get isExact() {
    return this.lost + this.doubled + this.altered === 0;
  }

  /** Whether all samples, that of leaving included, are confirmed and stored. */
  get isSettled() {
    return (
      this.queued === 0 && this.stored?.length === this.sent && this.stored.at(-1)?.bye === true
    );
  }

  // The collector adds readings of its own (`t.rip`), so `stored` may have more.
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
