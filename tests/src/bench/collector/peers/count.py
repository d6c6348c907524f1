"""panoramisk counts events: of a manager interface (count.py PORT EVENTS) or of a file (count.py file PATH).

Prints `ready` once it is logged in, and at the end one line of JSON.
"""

import asyncio
import json
import os
import sys
import time

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

CHUNK = 64 * 1024


def report(events, wall, processor):
    print(json.dumps({"events": events, "seconds": wall, "processor": processor}), flush=True)


async def connected(port, wanted):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    manager = Manager(
        loop=loop, host="127.0.0.1", port=port, username=os.environ["AMI_USER"], secret=os.environ["AMI_SECRET"]
    )
    seen = began = processor = 0

    def count(_, event):
        nonlocal seen, began, processor
        if event.event == "FullyBooted":
            print("ready", flush=True)
            return
        if seen == 0:
            began, processor = time.perf_counter(), time.process_time()
        seen += 1
        if seen == wanted:
            report(seen, time.perf_counter() - began, time.process_time() - processor)
            done.set_result(None)

    manager.register_event("*", count)
    await manager.connect()
    await done
    manager.close()


class Counter:
    """Stands where the Manager does."""

    save_stream = None

    def __init__(self):
        self.seen = 0

    def dispatch(self, _):
        self.seen += 1


def of_file(path):
    protocol, counter = AMIProtocol(), Counter()
    protocol.connection_made(None)
    protocol.factory = counter
    protocol.encoding = "utf8"
    processor = wall = 0
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            began, before = time.perf_counter(), time.process_time()
            protocol.data_received(chunk)
            wall += time.perf_counter() - began
            processor += time.process_time() - before
    report(counter.seen, wall, processor)


if sys.argv[1] == "file":
    of_file(sys.argv[2])
else:
    asyncio.run(connected(int(sys.argv[1]), int(sys.argv[2])))
