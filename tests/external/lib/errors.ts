/** What can go wrong: the server said no, the server could not be reached, the namespace is gone. */

/** The codes of the contract. A client takes an unknown one as it is: codes may be added. */
export type ErrorCode =
  | "INVALID_REQUEST"
  | "AUTH_REQUIRED"
  | "AUTH_INVALID_TOKEN"
  | "AUTH_UNAUTHORIZED"
  | "NAMESPACE_NOT_FOUND"
  | "NAMESPACE_EXISTS"
  | "STREAM_VERSION_CONFLICT"
  | "MESSAGE_ID_CONFLICT"
  | "POSITION_EXISTS"
  | "PAYLOAD_TOO_LARGE"
  | "OVERLOADED"
  | "BACKEND_UNAVAILABLE"
  | "WRITE_UNCERTAIN"
  | "TIMEOUT"
  | "BACKEND_ERROR"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "REQUEST_TIMEOUT"
  | "HEADERS_TOO_LARGE"
  | (string & {});

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The server answered with an error. */
export class MessageDBError extends Error {
  override readonly name = "MessageDBError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** The HTTP status; 0 where the error is one entry of a pipeline's answer. */
    readonly status: number,
    readonly details: ErrorDetails = {},
    /** `X-Request-Id` of the answer: the key to the server's log. */
    readonly requestId: string | null = null,
    /** Seconds after which the server asks to be tried again (`Retry-After`), or null. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** No answer came: refused, broken off, or over the time limit. A write's outcome is unknown. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The namespace that a subscription followed was deleted, or its token was rotated. */
export class SubscriptionGoneError extends Error {
  override readonly name = "SubscriptionGoneError";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error in `{"error": {...}}`, or null where `body` is nothing of the kind. */
export function errorIn(body: unknown, status: number, headers?: Headers): MessageDBError | null {
  if (!isRecord(body) || !isRecord(body["error"])) return null;
  const { code, message, details } = body["error"];
  if (typeof code !== "string" || typeof message !== "string") return null;
  const retryAfter = Number(headers?.get("retry-after") ?? NaN);
  return new MessageDBError(
    code,
    message,
    status,
    isRecord(details) ? details : {},
    headers?.get("x-request-id") ?? null,
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}
