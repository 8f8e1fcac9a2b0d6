/**
 * JSON in which integers of any size keep their value.
 *
 * `JSON.parse` turns every number into a double, so 9007199254740993 comes back as ...992. Here an
 * integer literal outside the safe range becomes a `bigint`, and a `bigint` is written as digits.
 * Fractions and numbers with an exponent stay doubles.
 */

// Strings are matched first, so a number inside a string is never taken for a literal.
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

// The server refuses U+0000 in strings, so no text of a message can look like this mark.
const MARK = "\u0000bigint:";
const WRITTEN_MARK = /"\\u0000bigint:(-?\d+)"/g;

/** Parse a JSON text; integers beyond ±(2^53 - 1) become `bigint`. */
export function parseExact(text: string): unknown {
  let marked = false;
  const rewritten = text.replace(STRING_OR_NUMBER, (token) => {
    if (token.length < 16 || !/^-?\d+$/.test(token)) return token;
    if (Number.isSafeInteger(Number(token))) return token;
    marked = true;
    return `"\\u0000bigint:${token}"`;
  });
  if (!marked) return JSON.parse(text);
  return JSON.parse(rewritten, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}

/**
 * Write a JSON text; a `bigint` becomes an integer literal.
 *
 * @throws TypeError for `NaN` and the infinities, which `JSON.stringify` would turn into `null`
 *   without a word, and for what has no JSON text at all (a function, `undefined` alone).
 */
export function stringify(value: unknown): string {
  let marked = false;
  const text: string | undefined = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === "bigint") {
      marked = true;
      return MARK + item.toString();
    }
    if (typeof item === "number" && !Number.isFinite(item)) {
      throw new TypeError(`${item} has no JSON form`);
    }
    if (typeof item === "string" && item.startsWith(MARK)) {
      throw new TypeError("a string may not hold U+0000");
    }
    return item;
  });
  if (text === undefined) throw new TypeError("the value has no JSON form");
  return marked ? text.replace(WRITTEN_MARK, "$1") : text;
}
