/** One HTTP exchange with the server: token out and in, time limit, errors as exceptions. */

import { ConnectionError, errorIn, MessageDBError } from "./errors.ts";
import { parseExact, stringify } from "./json.ts";

export interface ClientOptions {
  /** `ns_..._...`; left out, the first call gets one from a server in test mode. */
  readonly token?: string | undefined;
  /** Integers beyond 2^53 arrive as `bigint` instead of a rounded `number`. Default false. */
  readonly bigIntegers?: boolean | undefined;
  /**
   * Milliseconds a call may take, 45,000 by default: more than the server's own deadline and its
   * grace for a commit, so that the server's answer is the one that counts.
   */
  readonly timeoutMs?: number | undefined;
  /** Another `fetch`, for instance one that goes through a proxy. */
  readonly fetch?: ((url: string, init?: RequestInit) => Promise<Response>) | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 45_000;

export class Transport {
  readonly url: string;
  token: string | null;
  readonly #options: ClientOptions;
  // While there is no token, calls that need one go one at a time: two first calls at once would
  // get two namespaces.
  #first: Promise<void> = Promise.resolve();

  constructor(url: string, options: ClientOptions) {
    this.url = url.replace(/\/+$/, "");
    this.token = options.token ?? null;
    this.#options = options;
  }

  /** `POST /rpc`; the parsed JSON of an answer with status 200. */
  async rpc(
    request: readonly unknown[],
    needs: { readonly token: boolean; readonly exact: boolean },
    options: CallOptions = {},
  ): Promise<unknown> {
    const body = stringify(request);
    if (!needs.token || this.token !== null) return this.#post(body, needs.exact, options);
    const before = this.#first;
    let done = () => {};
    this.#first = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      if (this.token === null) return await this.#post(body, needs.exact, options);
    } finally {
      done();
    }
    return this.#post(body, needs.exact, options);
  }

  async #post(body: string, exact: boolean, options: CallOptions): Promise<unknown> {
    const deadline = AbortSignal.timeout(this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
    try {
      const response = await this.fetch("/rpc", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        signal,
      });
      const text = await response.text();
      return this.#result(response, text, exact || this.#options.bigIntegers === true);
    } catch (error) {
      if (error instanceof MessageDBError) throw error;
      if (options.signal?.aborted) throw options.signal.reason;
      const why = deadline.aborted ? "no answer in time" : String(error);
      throw new ConnectionError(`POST ${this.url}/rpc: ${why}`, { cause: error });
    }
  }

  #result(response: Response, text: string, exact: boolean): unknown {
    let body: unknown;
    try {
      body = exact ? parseExact(text) : JSON.parse(text);
    } catch {
      throw unexpected(response, text);
    }
    if (response.ok) return body;
    throw errorIn(body, response.status, response.headers) ?? unexpected(response, text);
  }

  /** A request to any path with this client's token; a token in the answer is kept. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token !== null) headers.set("authorization", `Bearer ${this.token}`);
    const send = this.#options.fetch ?? globalThis.fetch.bind(globalThis);
    const response = await send(this.url + path, { ...init, headers });
    this.token ??= response.headers.get("x-messagedb-token");
    return response;
  }
}

/** Not the server speaking, or not as the contract has it: a proxy's page, most likely. */
function unexpected(response: Response, text: string): MessageDBError {
  const start = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const message = `status ${response.status} with a body that is not the server's: ${start}`;
  return new MessageDBError("UNEXPECTED_RESPONSE", message, response.status);
}
