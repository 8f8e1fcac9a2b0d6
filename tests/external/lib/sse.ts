/** Server-sent events (WHATWG HTML, section 9.2) as a decoder without I/O: text in, items out. */

export type SseItem =
  | { readonly kind: "event"; readonly event: string; readonly data: string; readonly id: string }
  /** A frame that carries an id and no data: it moves the place to resume from, nothing else. */
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "comment"; readonly text: string }
  | { readonly kind: "retry"; readonly milliseconds: number };

export class SseDecoder {
  #rest = "";
  #started = false;
  #data: string[] = [];
  #event = "";
  #id = "";
  #idGiven = false;

  /** Take in the next piece of the stream, cut anywhere; returns what it completed, in order. */
  push(piece: string): SseItem[] {
    let text = this.#rest + piece;
    if (!this.#started && text !== "") {
      this.#started = true;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    const items: SseItem[] = [];
    let start = 0;
    for (;;) {
      const end = text.slice(start).search(/[\r\n]/) + start;
      if (end < start) break;
      // A CR at the very end may be the first half of a CRLF: wait for what follows.
      if (text[end] === "\r" && end + 1 === text.length) break;
      this.#line(text.slice(start, end), items);
      start = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
    }
    this.#rest = text.slice(start);
    return items;
  }

  #line(line: string, items: SseItem[]): void {
    if (line === "") {
      this.#dispatch(items);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      items.push({ kind: "comment", text: line.slice(1).trimStart() });
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? "" : line.slice(colon + 1);
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) {
      this.#id = value;
      this.#idGiven = true;
    } else if (field === "retry" && /^\d+$/.test(value)) {
      items.push({ kind: "retry", milliseconds: Number(value) });
    }
  }

  #dispatch(items: SseItem[]): void {
    if (this.#data.length > 0) {
      const event = this.#event === "" ? "message" : this.#event;
      items.push({ kind: "event", event, data: this.#data.join("\n"), id: this.#id });
    } else if (this.#event !== "") {
      // An event without a data line would be dropped by the letter of the standard; `reset` and
      // `gone` say everything by their name, so they are passed on.
      items.push({ kind: "event", event: this.#event, data: "", id: this.#id });
    } else if (this.#idGiven) {
      items.push({ kind: "id", id: this.#id });
    }
    this.#data = [];
    this.#event = "";
    this.#idGiven = false;
  }
}
