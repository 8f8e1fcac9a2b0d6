/** `ns_<base64url(namespace id), unpadded>_<64 hex digits>` */

const TOKEN = /^ns_([A-Za-z0-9_-]+)_[0-9a-f]{64}$/;
const NAMESPACE_ID = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;

/**
 * The id of the namespace that a token was made for.
 *
 * The digits are not checked against anything: only the server knows whether the token is valid.
 *
 * @throws TypeError if the text is not of a token's form.
 */
export function parseNamespaceFromToken(token: string): string {
  const encoded = TOKEN.exec(token)?.[1];
  if (encoded !== undefined) {
    try {
      const id = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
      if (NAMESPACE_ID.test(id) && encode(id) === encoded) return id;
    } catch {
      // Not base64: the same fault as any other wrong form, named below.
    }
  }
  throw new TypeError("not of a token's form: ns_<base64url(namespace)>_<64 hex digits>");
}

/** A token of the right form for a namespace, with random digits: for `ns.create` and test mode. */
export function makeToken(namespace: string): string {
  const digits = [...crypto.getRandomValues(new Uint8Array(32))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return `ns_${encode(namespace)}_${digits}`;
}

function encode(id: string): string {
  return btoa(id).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
