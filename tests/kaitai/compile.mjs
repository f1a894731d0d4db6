// Compiles a Kaitai Struct description to Python.
//
//     node tests/kaitai/compile.mjs [DESCRIPTION [FOLDER]]
//
// DESCRIPTION is docs/registry.ksy and FOLDER is build/kaitai, unless said. The compiler is installed in build/kaitai,
// as package.json beside this file says.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(join(root, "build/kaitai/package.json"));
const compiler = require("kaitai-struct-compiler");
const { parse } = require("yaml");

const [description = join(root, "docs/registry.ksy"), folder = join(root, "build/kaitai")] = process.argv.slice(2);
let files;
try {
  files = await compiler.compile("python", parse(readFileSync(description, "utf8")), null, false);
} catch (error) {
  console.error(`error: ${description} does not compile: ${error.message ?? error}`);
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
for (const [name, source] of Object.entries(files)) writeFileSync(join(folder, name), source);
