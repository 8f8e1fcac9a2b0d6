/**
 * Every RPC method as a value: the array that is sent, and how its result is read.
 *
 * A call can be sent alone (`client.call`) or with others (`client.pipeline`).
 */

import * as m from "./messages.ts";

export interface Call<T> {
  /** `[method, ...arguments]` without trailing arguments that were left out. */
  readonly request: readonly unknown[];
  readonly decode: (raw: unknown) => T;
  /** The result holds integers beyond 2^53: parse the answer so that they survive. */
  readonly exact?: boolean;
}

function call<T>(method: string, args: readonly unknown[], decode: (raw: unknown) => T): Call<T> {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count -= 1;
  return { request: [method, ...args.slice(0, count)], decode };
}

/** The result as it came: the contract's objects are used under their own names. */
function plain<T>(method: string, ...args: readonly unknown[]): Call<T> {
  return call(method, args, (raw) => raw as T);
}

const streamMessages = m.decodeList(m.decodeStreamMessage);
const categoryMessages = m.decodeList(m.decodeCategoryMessage);

export const calls = {
  streamWrite: (stream: string, message: m.NewMessage, options?: m.WriteOptions) =>
    plain<m.WriteResult>("stream.write", stream, message, options),

  streamWriteBatch: (
    stream: string,
    messages: readonly m.BatchMessage[],
    options?: { readonly expectedVersion?: number | undefined },
  ) => plain<m.WriteResult[]>("stream.writeBatch", stream, messages, options),

  transact: (
    writes: readonly m.TransactWrite[],
    options?: { readonly check?: Readonly<Record<string, number>> | undefined },
  ) => plain<m.WriteResult[]>("ns.transact", writes, options),

  streamGet: (stream: string, options?: m.StreamReadOptions) =>
    call("stream.get", [stream, options], streamMessages),

  streamLast: (stream: string, options?: { readonly type?: string | undefined }) =>
    call("stream.last", [stream, options], (raw) =>
      raw === null ? null : m.decodeStreamMessage(raw),
    ),

  streamVersion: (stream: string) => plain<number | null>("stream.version", stream),

  categoryGet: (category: string, options?: m.CategoryReadOptions) =>
    call("category.get", [category, options], categoryMessages),

  namespaceGet: (options?: m.ReadOptions) => call("ns.get", [options], categoryMessages),

  createNamespace: (id: string, options?: m.CreateNamespaceOptions) =>
    plain<m.CreatedNamespace>("ns.create", id, options),

  deleteNamespace: (id: string) => plain<m.DeletedNamespace>("ns.delete", id),

  listNamespaces: (options?: {
    readonly limit?: number | undefined;
    readonly offset?: number | undefined;
  }) => plain<m.ListedNamespace[]>("ns.list", options),

  namespaceInfo: (id: string) => plain<m.NamespaceInfo>("ns.info", id),

  streams: (options?: {
    readonly prefix?: string | undefined;
    readonly limit?: number | undefined;
    readonly cursor?: string | undefined;
  }) => plain<m.StreamSummary[]>("ns.streams", options),

  categories: () => plain<m.CategorySummary[]>("ns.categories"),

  rotateToken: (id: string) =>
    plain<{ readonly namespace: string; readonly token: string }>("ns.rotateToken", id),

  category: (name: string) => plain<string>("util.category", name),
  id: (name: string) => plain<string | null>("util.id", name),
  cardinalId: (name: string) => plain<string | null>("util.cardinalId", name),
  isCategory: (name: string) => plain<boolean>("util.isCategory", name),
  hash64: (text: string): Call<bigint> => ({
    ...call("util.hash64", [text], (raw) => BigInt(raw as number | bigint)),
    exact: true,
  }),

  systemVersion: () => plain<string>("sys.version"),
  systemHealth: () => plain<m.Health>("sys.health"),
} as const;

/** Whether a call works without a token, and creates nothing where it is sent without one. */
export function needsNoToken(request: readonly unknown[]): boolean {
  return /^(?:sys|util)\./.test(String(request[0]));
}
