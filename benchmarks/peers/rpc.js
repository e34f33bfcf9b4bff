// A central system of the npm package ocpp-rpc, as in its own example: strict (payloads are checked
// against the schemas), it keeps nothing. Says its port and serves until its standard input ends.
//
//     NODE_PATH=.../node_modules node rpc.js

const { RPCServer } = require('ocpp-rpc');

const server = new RPCServer({
  protocols: ['ocpp1.6'],
  strictMode: true,
  pingIntervalMs: 0, // the generator does not answer pings, and waits between its windows
});

server.auth((accept) => accept({}));

server.on('client', (client) => {
  client.handle('BootNotification', () => ({
    status: 'Accepted',
    interval: 300,
    currentTime: new Date().toISOString(),
  }));
  client.handle('MeterValues', () => ({}));
  client.handle('Heartbeat', () => ({ currentTime: new Date().toISOString() }));
});

server.listen(0, '127.0.0.1').then((http) => {
  process.stdout.write(`${http.address().port}\n`);
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
});
