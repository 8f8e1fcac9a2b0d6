/** Following in tests: subscriptions that are always closed, and the raw event stream. */

import type { MessageDBClient, Poke, SubscribeOptions, Subscription } from "./client.ts";
import { take, within } from "./deadline.ts";
import { SseDecoder, type SseItem } from "./sse.ts";

/** A subscription for the length of `body`; its connection is closed at the end. */
export async function following<T>(
  client: MessageDBClient,
  options: SubscribeOptions,
  body: (subscription: Subscription) => Promise<T>,
): Promise<T> {
  const opened = client.subscribe({ retryMs: 50, ...options });
  const subscription = await within("the subscription to be ready", opened);
  try {
    return await body(subscription);
  } finally {
    subscription.close();
  }
}

export function pokes(subscription: Subscription, count: number): Promise<Poke[]> {
  return take("pokes", subscription, count);
}

export interface EventStream {
  readonly response: Response;
  /** The next item, comments and ids included; undefined when the stream has ended. */
  next(): Promise<SseItem | undefined>;
  /** Items up to and including the first that passes. */
  upTo(what: string, passes: (item: SseItem) => boolean): Promise<SseItem[]>;
  close(): void;
}

/** `GET /subscribe` as the wire has it, without the client's help. */
export async function eventStream(
  url: string,
  query: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  const abort = new AbortController();
  const opened = fetch(`${url}/subscribe?${query}`, { headers, signal: abort.signal });
  const response = await within(`an answer to /subscribe?${query}`, opened);
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("the answer has no body");
  const decoder = new SseDecoder();
  const utf8 = new TextDecoder();
  const items: SseItem[] = [];
  const next = async () => {
    while (items.length === 0) {
      const piece = await within("the next piece of the event stream", reader.read());
      if (piece.done) return undefined;
      items.push(...decoder.push(utf8.decode(piece.value, { stream: true })));
    }
    return items.shift();
  };
  return {
    response,
    next,
    close: () => abort.abort(),
    upTo: async (what, passes) => {
      const met: SseItem[] = [];
      for (;;) {
        const item = await next();
        if (item === undefined) throw new Error(`ended before ${what}: ${JSON.stringify(met)}`);
        met.push(item);
        if (passes(item)) return met;
      }
    },
  };
}

export const isReady = (item: SseItem): boolean =>
  item.kind === "comment" && item.text === "ready";

export function isEvent(name: string): (item: SseItem) => boolean {
  return (item) => item.kind === "event" && item.event === name;
}
