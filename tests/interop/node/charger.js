// One charger of the npm package ocpp-rpc, driven from a Python test.
//
// A line on standard input is an order, {"id", "do", ...}; a line on standard output is its end,
// {"id", "result"} or {"id", "error"}, or something that happened, {"event", ...}.
// See OcppRpcPeer in tests/interop/peers.py.
"use strict";

const readline = require("node:readline");
const { RPCClient, createRPCError, createValidator } = require("ocpp-rpc");

// The package has the schemas of 2.1, but looks for them under the names of 2.0.1: every call of
// 2.1 would be a violation.
const schemas = require("ocpp-rpc/lib/schemas/ocpp2_1.json").map((schema) => ({
  ...schema,
  $id: schema.$id.replace(/Request$/, ".req").replace(/Response$/, ".conf"),
}));
const validators = [createValidator("ocpp2.1", schemas)];

let client = null;
const replies = new Map(); // action -> {payload} | {error} ; with `hold`: not before release
let release = () => {};
let released = Promise.resolve();

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

function sayViolation(where, error) {
  say({ event: "violation", text: `${where}: ${error.message}` });
}

async function answer({ method, params }) {
  const reply = replies.get(method);
  say({ event: "called", action: method, payload: params });
  if (!reply) throw createRPCError("NotImplemented", `${method} is not expected now`);
  if (reply.hold) await released;
  if (reply.error) throw createRPCError(reply.error, "on purpose", { why: "test" });
  return reply.payload;
}

const orders = {
  async connect({ endpoint, identity, password, strict, subprotocol }) {
    client = new RPCClient({
      endpoint,
      identity,
      password,
      protocols: [subprotocol],
      strictMode: strict,
      strictModeValidators: validators,
      reconnect: false,
      callTimeoutMs: 50_000,
      wsOpts: { perMessageDeflate: { threshold: 0 } }, // the default leaves small texts alone
    });
    client.on("strictValidationFailure", ({ method, outbound, isCall, error }) => {
      const whose = outbound === isCall ? "own" : "theirs";
      sayViolation(`${method} ${isCall ? "request" : "response"} (outbound: ${outbound}, ${whose})`, error);
    });
    client.on("badMessage", ({ error }) => sayViolation("frame", error));
    client.handle(answer);
    await client.connect();
    return { subprotocol: client.protocol, extensions: client._ws.extensions };
  },
  async call({ action, payload }) {
    return await client.call(action, payload);
  },
  async reply({ action, reply }) {
    if (reply.hold) released = new Promise((resolve) => (release = resolve));
    replies.set(action, reply);
  },
  async release() {
    release();
  },
  async disconnect() {
    await client.close({ code: 1000, reason: "bye" });
  },
  async vanish() {
    await client.close({ force: true });
  },
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, do: name, ...body } = JSON.parse(line);
  try {
    say({ id, result: (await orders[name](body)) ?? null });
  } catch (error) {
    // `code`: the HTTP status of a refused handshake; `rpcErrorCode`: of a CALLERROR.
    say({ id, error: { text: error.message, status: error.code ?? null, code: error.rpcErrorCode ?? "" } });
  }
}).on("close", () => process.exit(0));
