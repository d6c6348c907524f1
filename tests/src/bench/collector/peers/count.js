// asterisk-manager counts events: of a manager interface (count.js PORT EVENTS) or of a file (count.js file PATH).
// Prints `ready` once it is logged in, and at the end one line of JSON. NODE_PATH says where the package is.
'use strict';

const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const Manager = require('asterisk-manager');

const CHUNK = 64 * 1024;

function processor() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function report(events, seconds, spent) {
  console.log(JSON.stringify({ events, seconds, processor: spent }));
}

function connected(port, wanted) {
  const manager = new Manager(port, '127.0.0.1', process.env.AMI_USER, process.env.AMI_SECRET, true);
  let seen = 0;
  let began = 0;
  let spent = 0;
  manager.on('managerevent', (event) => {
    if (event.event === 'FullyBooted') {
      console.log('ready');
      return;
    }
    if (seen === 0) {
      began = performance.now();
      spent = processor();
    }
    seen += 1;
    if (seen === wanted) {
      report(seen, (performance.now() - began) / 1000, processor() - spent);
      manager.disconnect();
    }
  });
}

// Its reader hangs on the connection alone, so it is given one that says what is in the file.
async function ofFile(path) {
  const connection = Object.assign(new EventEmitter(), {
    setKeepAlive() {},
    setNoDelay() {},
    setEncoding() {},
    write() {},
  });
  net.createConnection = () => connection;
  const manager = new Manager(1, '127.0.0.1');
  let seen = 0;
  manager.on('managerevent', () => {
    seen += 1;
  });
  const file = fs.openSync(path);
  const chunk = Buffer.alloc(CHUNK);
  let seconds = 0;
  let spent = 0;
  for (let length; (length = fs.readSync(file, chunk, 0, CHUNK, null)) > 0; ) {
    const text = chunk.toString('utf8', 0, length);
    const [began, before] = [performance.now(), processor()];
    connection.emit('data', text);
    // What it hands out waits for the next tick.
    await new Promise(setImmediate);
    seconds += (performance.now() - began) / 1000;
    spent += processor() - before;
  }
  report(seen, seconds, spent);
}

const [first, second] = process.argv.slice(2);
if (first === 'file') {
  void ofFile(second);
} else {
  connected(Number(first), Number(second));
}
