/** A subscription that survives broken connections: it resumes after the last poke it received. */

import { ConnectionError, errorIn, MessageDBError, SubscriptionGoneError } from "./errors.ts";
import type { ConsumerGroup, Poke } from "./messages.ts";
import { SseDecoder, type SseItem } from "./sse.ts";

interface Common {
  /** Where to begin, inclusive; `"end"`: only what is written from now on. Default: the start. */
  readonly position?: number | "end" | undefined;
  /** Begin after this global position (a poke's), as a reconnect does. Wins over `position`. */
  readonly lastEventId?: number | undefined;
  /** Ends the subscription, as `close()` does. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before the first attempt to reconnect; default: what the server says. */
  readonly retryMs?: number | undefined;
  /** Milliseconds of failed attempts after which it gives up. Default 300,000. */
  readonly giveUpMs?: number | undefined;
  /** Milliseconds of silence that mean a dead connection; the server speaks every 15 s. */
  readonly silenceMs?: number | undefined;
  readonly onReconnect?: (() => void) | undefined;
  /** The namespace's history is another one (restored, made anew): pokes start over. */
  readonly onReset?: (() => void) | undefined;
}

export type SubscribeOptions =
  | (Common & { readonly stream: string })
  | (Common & {
      readonly category: string;
      readonly consumerGroup?: ConsumerGroup | undefined;
      readonly correlation?: string | undefined;
    })
  | (Common & { readonly all: true });

/** Opens the event stream; `resume` is the query's `lastEventId`, or null at the beginning. */
export type Connect = (resume: string | null, signal: AbortSignal) => Promise<Response>;

// As much of a stream's reader as is used: the runtimes' own types differ in the rest.
interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array<ArrayBuffer> | undefined }>;
  cancel(): Promise<void>;
}

const DEFAULTS = { retryMs: 1000, giveUpMs: 300_000, silenceMs: 45_000, longestDelayMs: 30_000 };

export function queryOf(options: SubscribeOptions, resume: string | null): string {
  const query = new URLSearchParams();
  if ("stream" in options) query.set("stream", options.stream);
  else if ("category" in options) {
    query.set("category", options.category);
    if (options.consumerGroup) {
      query.set("consumer", String(options.consumerGroup.member));
      query.set("size", String(options.consumerGroup.size));
    }
    if (options.correlation !== undefined) query.set("correlation", options.correlation);
  } else query.set("all", "true");
  if (options.position !== undefined) query.set("position", String(options.position));
  const from = resume ?? options.lastEventId;
  if (from !== undefined) query.set("lastEventId", String(from));
  return query.toString();
}

/**
 * Pokes in order, none missing and none twice, for one consumer with `for await`.
 *
 * It reads from the socket only as far as it is asked to, so a slow consumer holds nothing in
 * memory here. Iteration ends after `close()`; it throws `SubscriptionGoneError` when the namespace
 * is deleted or its token rotated, `MessageDBError` when the server refuses to go on, and
 * `ConnectionError` when reconnecting failed for `giveUpMs`.
 */
export class Subscription implements AsyncIterable<Poke>, AsyncIterator<Poke> {
  readonly #connect: Connect;
  readonly #options: SubscribeOptions;
  readonly #abort = new AbortController();
  readonly #received: Poke[] = [];
  #reader: Reader | null = null;
  #decoder = new SseDecoder();
  #utf8 = new TextDecoder();
  #resume: string | null;
  #retryMs: number;
  #ready = false;
  #gone = false;

  /** Resolves when the server has said that the subscription is registered. */
  static async open(
    connect: Connect,
    options: SubscribeOptions,
    resumeIfNothingSeen: string | null,
  ): Promise<Subscription> {
    const subscription = new Subscription(connect, options);
    await subscription.#open(null);
    subscription.#resume ??= resumeIfNothingSeen;
    return subscription;
  }

  private constructor(connect: Connect, options: SubscribeOptions) {
    this.#connect = connect;
    this.#options = options;
    this.#resume = null;
    this.#retryMs = options.retryMs ?? DEFAULTS.retryMs;
    if (options.signal?.aborted) this.#abort.abort();
    const untilClosed = { once: true, signal: this.#abort.signal };
    options.signal?.addEventListener("abort", () => this.close(), untilClosed);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Poke, undefined>> {
    for (;;) {
      const poke = this.#received.shift();
      if (poke !== undefined) return { value: poke, done: false };
      if (this.closed) return { value: undefined, done: true };
      if (this.#gone) {
        this.close();
        throw new SubscriptionGoneError("the namespace was deleted, or its token rotated");
      }
      if (!(await this.#pull()) && !this.closed && !this.#gone) await this.#reconnect();
    }
  }

  /** What `for await` calls when its body is left early. */
  async return(): Promise<IteratorResult<Poke, undefined>> {
    this.close();
    return { value: undefined, done: true };
  }

  get closed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** The global position after which a new subscription would go on, or null if none was seen. */
  get lastEventId(): number | null {
    return this.#resume === null ? null : Number(this.#resume);
  }

  /** End it, and its connection. Pokes already received are still handed out. */
  close(): void {
    this.#abort.abort();
    this.#drop();
  }

  async #open(resume: string | null): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#silenceMs);
    try {
      const signal = AbortSignal.any([this.#abort.signal, late.signal]);
      const response = await this.#connect(resume, signal);
      if (!response.ok) throw await refusal(response);
      if (response.body === null) throw new ConnectionError("the answer has no body");
      this.#reader = response.body.getReader();
      this.#decoder = new SseDecoder();
      this.#utf8 = new TextDecoder();
      this.#ready = false;
      // The signal stays with the body: from here on only close() may use it.
      clearTimeout(timer);
      while (!this.#ready) {
        if (!(await this.#pull())) throw new ConnectionError("ended before it was ready");
      }
    } catch (error) {
      if (error instanceof MessageDBError || error instanceof ConnectionError) throw error;
      throw new ConnectionError(`GET /subscribe: ${String(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Read one piece; false when the connection has ended, whatever the reason. */
  async #pull(): Promise<boolean> {
    const reader = this.#reader;
    if (reader === null) return false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), this.#silenceMs);
    });
    let piece: Awaited<ReturnType<Reader["read"]>> | null;
    try {
      piece = await Promise.race([reader.read(), silence]);
    } catch {
      // A connection that broke is an ended one: what it did not bring, the next one brings.
      piece = null;
    } finally {
      clearTimeout(timer);
    }
    if (piece === null || piece.done) {
      this.#drop();
      return false;
    }
    const text = this.#utf8.decode(piece.value, { stream: true });
    for (const item of this.#decoder.push(text)) this.#take(item);
    return true;
  }

  #take(item: SseItem): void {
    if (item.kind === "comment") {
      this.#ready ||= item.text === "ready";
    } else if (item.kind === "retry") {
      this.#retryMs = this.#options.retryMs ?? item.milliseconds;
    } else if (item.kind === "id") {
      this.#resume = item.id;
    } else if (item.event === "poke") {
      this.#received.push(JSON.parse(item.data) as Poke);
      this.#resume = item.id;
    } else if (item.event === "reset") {
      this.#resume = null;
      this.#options.onReset?.();
    } else if (item.event === "gone") {
      this.#gone = true;
      this.#drop();
    }
  }

  async #reconnect(): Promise<void> {
    const started = Date.now();
    for (let attempt = 0; !this.closed; attempt += 1) {
      const delay = Math.min(this.#retryMs * 2 ** attempt, DEFAULTS.longestDelayMs);
      await this.#pause(delay * (0.5 + Math.random() / 2));
      if (this.closed) return;
      try {
        await this.#open(this.#resume);
        this.#options.onReconnect?.();
        return;
      } catch (error) {
        this.#drop();
        const over = Date.now() - started > (this.#options.giveUpMs ?? DEFAULTS.giveUpMs);
        if (this.closed) return;
        if (over || (error instanceof MessageDBError && !passing(error))) {
          this.close();
          throw error;
        }
      }
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(finish, milliseconds);
      const signal = this.#abort.signal;
      signal.addEventListener("abort", finish, { once: true });
      function finish() {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      }
    });
  }

  #drop(): void {
    // The server's end may be gone already; there is nobody to tell about a failed cancel.
    this.#reader?.cancel().catch(() => {});
    this.#reader = null;
  }

  get #silenceMs(): number {
    return this.#options.silenceMs ?? DEFAULTS.silenceMs;
  }
}

/** Whether the same request may succeed later. */
function passing(error: MessageDBError): boolean {
  return error.status >= 500 || error.status === 408 || error.status === 429;
}

async function refusal(response: Response): Promise<MessageDBError> {
  const text = await response.text();
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy's page: reported below by its status.
  }
  return (
    errorIn(body, response.status, response.headers) ??
    new MessageDBError("UNEXPECTED_RESPONSE", `status ${response.status}`, response.status)
  );
}
