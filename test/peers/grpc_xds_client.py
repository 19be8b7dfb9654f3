# A gRPC client of xDS that nobody here wrote: Debian's python3-grpcio. Lines of JSON: `{id, target, path, metadata}` is a call, answered by
# `{id, code, details, message}`; `{id, close: true}` gives up every channel.
import json
import sys
import threading

import grpc

CALL_SECONDS_MAX = 20
channels = {}
output = threading.Lock()


def answer(id, **result):
    with output:
        print(json.dumps({"id": id, **result}), flush=True)


def settled(id, future):
    error = future.exception()
    if error is None:
        answer(id, code=0, details="", message=future.result().decode())
    else:
        answer(id, code=future.code().value[0], details=future.details(), message="")


for line in sys.stdin:
    asked = json.loads(line)
    id = asked["id"]
    if asked.get("close"):
        for channel in channels.values():
            channel.close()
        channels.clear()
        answer(id)
        continue
    target = asked["target"]
    if target not in channels:
        channels[target] = grpc.insecure_channel(target)
    method = channels[target].unary_unary(asked["path"])
    call = method.future(b"", metadata=tuple(asked["metadata"].items()), timeout=CALL_SECONDS_MAX)
    call.add_done_callback(lambda future, id=id: settled(id, future))
