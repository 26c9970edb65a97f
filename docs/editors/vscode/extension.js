// Starts `nosc lsp` for files of rules. All else is the language server's.
"use strict";

const { commands, window, workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function start() {
  const command = workspace.getConfiguration("nosc").get("path", "nosc");
  const server = { command, args: ["lsp"], transport: TransportKind.stdio };
  const options = { documentSelector: [{ language: "nos" }] };
  client = new LanguageClient("nosc", "nosc", server, options);
  return client.start().catch((error) => {
    const advice = "Install nosc, or name the program in the setting `nosc.path`.";
    window.showErrorMessage(`\`${command} lsp\` does not start: ${error.message ?? error}. ${advice}`);
  });
}

async function stop() {
  const running = client;
  client = undefined;
  if (running?.needsStop()) {
    await running.stop();
  }
}

async function restart() {
  await stop();
  await start();
}

function activate(context) {
  context.subscriptions.push(
    commands.registerCommand("nosc.restart", restart),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("nosc.path")) {
        return restart();
      }
    }),
  );
  return start();
}

module.exports = { activate, deactivate: stop };
