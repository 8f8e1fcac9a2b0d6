/** JSON values compared by what they mean: numbers by their exact value, however written. */

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The parsed text with every number as the text of its exact decimal value, `number:15e-1`. */
export function exactValue(text: string): unknown {
  return JSON.parse(
    text.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : decimal(token))),
  );
}

function decimal(literal: string): string {
  const [, sign, whole, fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  if (kept === "") return '"number:0"';
  const power = Number(exponent) - fraction.length + (digits.length - kept.length);
  return `"number:${sign}${kept}e${power}"`;
}
