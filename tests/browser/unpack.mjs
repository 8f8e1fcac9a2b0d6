/** `node unpack.mjs FOLDER`: unpack the Chromium of the installed package, and the libraries it needs. */

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const folder = resolve(process.argv[2]);
const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
const packed = join(dirname(entry), "../../bin");

async function inflate(name, target) {
  const path = join(folder, target);
  await pipeline(createReadStream(join(packed, name)), createBrotliDecompress(), createWriteStream(path));
  return path;
}

mkdirSync(folder, { recursive: true });
for (const name of ["al2023.tar", "fonts.tar"]) {
  const archive = await inflate(`${name}.br`, name);
  const { status, error } = spawnSync("tar", ["-xf", archive, "-C", folder], { stdio: "inherit" });
  if (status !== 0) throw error ?? new Error(`tar could not unpack ${archive}`);
  rmSync(archive);
}
// The package's own names folders of a machine that this is not.
writeFileSync(
  join(folder, "fonts.conf"),
  `<?xml version="1.0"?>
<fontconfig><dir>${join(folder, "fonts")}</dir><cachedir>${join(folder, "fonts-cache")}</cachedir></fontconfig>
`,
);
chmodSync(await inflate("chromium.br", "chromium"), 0o755);
