/**
 * A client of the server's HTTP interface, for browsers, Node 20 and later, and Bun.
 *
 * It stands on `fetch` alone. Every method sends one request and is not repeated by itself: a write
 * that ends in a `ConnectionError` can be sent again safely when it carries an `id`.
 */

import { type Call, calls, needsNoToken } from "./calls.ts";
import { errorIn, type MessageDBError } from "./errors.ts";
import { type CallOptions, type ClientOptions, Transport } from "./http.ts";
import type {
  BatchMessage,
  CategoryReadOptions,
  CreateNamespaceOptions,
  NewMessage,
  ReadOptions,
  StreamReadOptions,
  TransactWrite,
  WriteOptions,
} from "./messages.ts";
import { queryOf, type SubscribeOptions, Subscription } from "./subscription.ts";
import { parseNamespaceFromToken } from "./tokens.ts";

export * from "./errors.ts";
export * from "./messages.ts";
export { type Call, calls } from "./calls.ts";
export type { CallOptions, ClientOptions } from "./http.ts";
export { parseExact, stringify } from "./json.ts";
export { type SubscribeOptions, Subscription } from "./subscription.ts";
export { makeToken, parseNamespaceFromToken } from "./tokens.ts";

/** What one call of a pipeline came to. */
export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: MessageDBError };

type Results<C extends readonly Call<unknown>[]> = {
  [I in keyof C]: C[I] extends Call<infer T> ? Settled<T> : never;
};

export class MessageDBClient {
  readonly #transport: Transport;

  constructor(url: string, options: ClientOptions = {}) {
    this.#transport = new Transport(url, options);
  }

  get url(): string {
    return this.#transport.url;
  }

  /** The token in use: the one given, or the one that a server in test mode sent. */
  get token(): string | null {
    return this.#transport.token;
  }

  /** The namespace that the token names, or null while there is no token. */
  get namespace(): string | null {
    return this.token === null ? null : parseNamespaceFromToken(this.token);
  }

  // ---- sending ---------------------------------------------------------------------------------

  /** Send one call. Throws `MessageDBError` or `ConnectionError`. */
  async call<T>(call: Call<T>, options?: CallOptions): Promise<T> {
    const needs = { token: !needsNoToken(call.request), exact: call.exact === true };
    return call.decode(await this.#transport.rpc(call.request, needs, options));
  }

  /** Send a method by its name: for what a newer server knows and this client does not. */
  async request(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.call({ request: [method, ...args], decode: (raw) => raw });
  }

  /**
   * Send 1 to 1000 calls in one request. They run in order and are no transaction: each has its own
   * outcome, and only a fault of the whole request is thrown.
   */
  async pipeline<const C extends readonly Call<unknown>[]>(
    batch: C,
    options?: CallOptions,
  ): Promise<Results<C>> {
    const needs = {
      token: !batch.every((call) => needsNoToken(call.request)),
      exact: batch.some((call) => call.exact),
    };
    const requests = batch.map((call) => call.request);
    const answers = (await this.#transport.rpc(requests, needs, options)) as unknown[];
    return batch.map((call, index): Settled<unknown> => {
      const error = errorIn(answers[index], 0);
      if (error !== null) return { ok: false, error };
      const { result } = answers[index] as { result: unknown };
      return { ok: true, value: call.decode(result) };
    }) as Results<C>;
  }

  // ---- streams and categories ------------------------------------------------------------------

  streamWrite(stream: string, message: NewMessage, options?: WriteOptions) {
    return this.call(calls.streamWrite(stream, message, options));
  }

  streamWriteBatch(
    stream: string,
    messages: readonly BatchMessage[],
    options?: { readonly expectedVersion?: number | undefined },
  ) {
    return this.call(calls.streamWriteBatch(stream, messages, options));
  }

  transact(
    writes: readonly TransactWrite[],
    options?: { readonly check?: Readonly<Record<string, number>> | undefined },
  ) {
    return this.call(calls.transact(writes, options));
  }

  streamGet(stream: string, options?: StreamReadOptions) {
    return this.call(calls.streamGet(stream, options));
  }

  streamLast(stream: string, options?: { readonly type?: string | undefined }) {
    return this.call(calls.streamLast(stream, options));
  }

  streamVersion(stream: string) {
    return this.call(calls.streamVersion(stream));
  }

  categoryGet(category: string, options?: CategoryReadOptions) {
    return this.call(calls.categoryGet(category, options));
  }

  // ---- namespaces ------------------------------------------------------------------------------

  namespaceGet(options?: ReadOptions) {
    return this.call(calls.namespaceGet(options));
  }

  createNamespace(id: string, options?: CreateNamespaceOptions) {
    return this.call(calls.createNamespace(id, options));
  }

  /** Delete a namespace: this client's own where no id is given. */
  async deleteNamespace(id?: string) {
    return this.call(calls.deleteNamespace(id ?? this.#ownNamespace()));
  }

  listNamespaces(options?: { readonly limit?: number; readonly offset?: number }) {
    return this.call(calls.listNamespaces(options));
  }

  async namespaceInfo(id?: string) {
    return this.call(calls.namespaceInfo(id ?? this.#ownNamespace()));
  }

  streams(options?: {
    readonly prefix?: string;
    readonly limit?: number;
    readonly cursor?: string;
  }) {
    return this.call(calls.streams(options));
  }

  categories() {
    return this.call(calls.categories());
  }

  /** A new token for a namespace; this client goes on with it where the namespace is its own. */
  async rotateToken(id?: string) {
    const own = this.#ownNamespace();
    const rotated = await this.call(calls.rotateToken(id ?? own));
    if (rotated.namespace === own) this.#transport.token = rotated.token;
    return rotated;
  }

  #ownNamespace(): string {
    if (this.namespace === null) throw new TypeError("no token yet, so no namespace of its own");
    return this.namespace;
  }

  // ---- utilities and system --------------------------------------------------------------------

  category(streamName: string) {
    return this.call(calls.category(streamName));
  }

  id(streamName: string) {
    return this.call(calls.id(streamName));
  }

  cardinalId(streamName: string) {
    return this.call(calls.cardinalId(streamName));
  }

  isCategory(streamName: string) {
    return this.call(calls.isCategory(streamName));
  }

  /** Always a `bigint`: most hashes lie beyond 2^53. */
  hash64(text: string) {
    return this.call(calls.hash64(text));
  }

  systemVersion() {
    return this.call(calls.systemVersion());
  }

  systemHealth() {
    return this.call(calls.systemHealth());
  }

  // ---- following -------------------------------------------------------------------------------

  /**
   * Follow a stream, a category or everything; resolves when the server has registered it, so that
   * whatever is written from then on is poked.
   */
  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const ended = () => options.signal?.throwIfAborted();
    ended();
    // Without a token the server would open a namespace for the subscription alone.
    if (this.token === null) await this.streamVersion("subscribe");
    // Until the first poke a reconnect has no id to resume from; "end" would skip what was written
    // while the connection was down.
    const atEnd = options.position === "end" && options.lastEventId === undefined;
    const head = atEnd ? String((await this.namespaceInfo()).head) : null;
    ended();
    return Subscription.open(
      (resume, signal) =>
        this.#transport.fetch(`/subscribe?${queryOf(options, resume)}`, {
          headers: { accept: "text/event-stream" },
          cache: "no-store",
          signal,
        }),
      options,
      head,
    );
  }
}
