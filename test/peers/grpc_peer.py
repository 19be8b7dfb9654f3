# gRPC of Debian's python3-grpcio on both sides: `server ADDRESS` or `client TARGET [CA NAME]`. Bodies are bytes, no messages are defined.
import json
import sys
from concurrent import futures

import grpc


def serve(address):
    def unary(request, context):
        sent = dict(context.invocation_metadata()).get("x-test", "")
        context.set_trailing_metadata((("x-trailer", "yes"),))
        if request == b"fail":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100%")
        return request + b" " + sent.encode()

    def down(request, context):
        for i in range(100):
            yield request + str(i).encode()

    def up(requests, context):
        return b",".join(requests)

    def both(requests, context):
        for request in requests:
            yield b"got " + request

    kinds = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Both": grpc.stream_stream_rpc_method_handler(both),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", kinds),))
    port = server.add_insecure_port(address)
    if port == 0:
        sys.exit("cannot listen on " + address)
    server.start()
    server.wait_for_termination()


def ask(target, ca=None, name=None):
    if ca is None:
        channel = grpc.insecure_channel(target)
    else:
        with open(ca, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        channel = grpc.secure_channel(target, credentials, (("grpc.ssl_target_name_override", name),))
    unary = channel.unary_unary("/test.Echo/Unary")
    answer, call = unary.with_call(b"hello", metadata=(("x-test", "42"),), timeout=20)
    found = {
        "unary": answer.decode(),
        "trailer": dict(call.trailing_metadata()).get("x-trailer"),
        "large": len(unary(b"x" * 1_000_000, timeout=20)),
        "down": sum(1 for _ in channel.unary_stream("/test.Echo/Down")(b"n", timeout=20)),
        "up": channel.stream_unary("/test.Echo/Up")(iter([b"a", b"b", b"c"]), timeout=20).decode(),
        "both": [answer.decode() for answer in channel.stream_stream("/test.Echo/Both")(iter([b"1", b"2"]), timeout=20)],
    }
    for kind, body in (("status", b"fail"), ("unimplemented", b"")):
        method = unary if kind == "status" else channel.unary_unary("/test.Echo/Nothing")
        try:
            method(body, timeout=20)
        except grpc.RpcError as error:
            found[kind] = error.code().name
            if kind == "status":
                found["details"] = error.details()
    print(json.dumps(found))


if sys.argv[1] == "server":
    serve(sys.argv[2])
else:
    ask(*sys.argv[2:])
