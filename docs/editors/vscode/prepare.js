// Copies what the package shares with the repository into the extension, before it is packed.
"use strict";

const { copyFileSync } = require("fs");
const { join } = require("path");

for (const [from, to] of [
  ["../nos.tmLanguage.json", "nos.tmLanguage.json"],
  ["../../../LICENSE-MIT", "LICENSE.txt"],
]) {
  copyFileSync(join(__dirname, from), join(__dirname, to));
}
