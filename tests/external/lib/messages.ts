/** The shapes that cross the wire, with names in place of the positions in an array. */

export type Metadata = Readonly<Record<string, unknown>>;

export interface NewMessage {
  readonly type: string;
  /** Any JSON value; a `bigint` is written as an integer. */
  readonly data: unknown;
  readonly metadata?: Metadata | null;
}

export interface StreamMessage {
  readonly id: string;
  readonly type: string;
  /** Place in its stream, from 0, without gaps. */
  readonly position: number;
  /** Place in its namespace, from 1, rising, gaps allowed. */
  readonly globalPosition: number;
  readonly data: unknown;
  readonly metadata: Metadata | null;
  /** UTC, ISO 8601, three decimals. */
  readonly time: string;
}

export interface CategoryMessage extends StreamMessage {
  readonly streamName: string;
}

export interface WriteResult {
  readonly position: number;
  readonly globalPosition: number;
  readonly id: string;
}

export interface WriteOptions {
  /** A UUID: the same one again, with the same message, writes nothing and answers the same. */
  readonly id?: string | undefined;
  /** The stream's version before the write; -1: it must not exist yet. */
  readonly expectedVersion?: number | undefined;
}

export interface BatchMessage extends NewMessage {
  readonly id?: string | undefined;
}

export type TransactWrite = readonly [
  stream: string,
  message: NewMessage,
  options?: WriteOptions | undefined,
];

export interface ReadOptions {
  readonly globalPosition?: number | undefined;
  /** 1 to 10000, default 1000; -1 for everything, 0 for nothing. */
  readonly batchSize?: number | undefined;
  readonly direction?: "forward" | "backward" | undefined;
  readonly type?: string | undefined;
}

export interface StreamReadOptions extends ReadOptions {
  /** Stream position, inclusive; not together with `globalPosition`. */
  readonly position?: number | undefined;
}

export interface ConsumerGroup {
  readonly member: number;
  readonly size: number;
}

export interface CategoryReadOptions extends ReadOptions {
  /** Global position, inclusive: the same as `globalPosition`. */
  readonly position?: number | undefined;
  readonly correlation?: string | undefined;
  readonly consumerGroup?: ConsumerGroup | undefined;
}

export interface CreateNamespaceOptions {
  readonly description?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly token?: string | undefined;
}

export interface CreatedNamespace {
  readonly namespace: string;
  readonly token: string;
  readonly createdAt: string;
}

export interface DeletedNamespace {
  readonly namespace: string;
  readonly deletedAt: string;
  readonly messagesDeleted: number;
}

export interface ListedNamespace {
  readonly namespace: string;
  readonly description: string | null;
  readonly createdAt: string;
  readonly messageCount: number;
}

export interface NamespaceInfo extends ListedNamespace {
  readonly metadata: Metadata | null;
  readonly incarnation: string;
  readonly streamCount: number;
  /** The highest global position, or 0. */
  readonly head: number;
  readonly lastActivity: string | null;
}

export interface StreamSummary {
  readonly stream: string;
  readonly version: number;
  readonly lastActivity: string;
}

export interface CategorySummary {
  readonly category: string;
  readonly streamCount: number;
  readonly messageCount: number;
}

export interface Health {
  readonly status: string;
  readonly backend: string;
  readonly connections: number;
}

/** What a subscription yields: where a message is, not the message. */
export interface Poke {
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
}

/** The answer was JSON, but not of the shape that the contract gives this method. */
export class UnexpectedAnswerError extends Error {
  override readonly name = "UnexpectedAnswerError";
}

function row(raw: unknown, length: number): readonly unknown[] {
  // Longer is fine: elements may be added at the end.
  if (Array.isArray(raw) && raw.length >= length) return raw;
  throw new UnexpectedAnswerError(`not a message of ${length} elements: ${JSON.stringify(raw)}`);
}

export function decodeStreamMessage(raw: unknown): StreamMessage {
  const [id, type, position, globalPosition, data, metadata, time] = row(raw, 7);
  return { id, type, position, globalPosition, data, metadata, time } as StreamMessage;
}

export function decodeCategoryMessage(raw: unknown): CategoryMessage {
  const [id, streamName, type, position, globalPosition, data, metadata, time] = row(raw, 8);
  return {
    id, streamName, type, position, globalPosition, data, metadata, time,
  } as CategoryMessage;
}

export function decodeList<T>(item: (raw: unknown) => T): (raw: unknown) => T[] {
  return (raw) => {
    if (Array.isArray(raw)) return raw.map(item);
    throw new UnexpectedAnswerError(`not an array: ${JSON.stringify(raw)}`);
  };
}
