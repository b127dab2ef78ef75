"""gRPC's way in: what is too much or too slow is refused before it takes memory, and nothing of it stays."""

import asyncio
import gc
import threading

import grpc
import pytest
from kserve import InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from medgantry.serving.admission import Admission
from medgantry.serving.bundle_server import BundleServer
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from medgantry.serving.server import make_grpc, make_server
from tests.medgantry.brightness import CHANNELS, make_bundle, write_case
from tests.medgantry.serving.served import NAME, served

PLACES = 1
SMALL = {
    "MEDGANTRY_SERVING_REQUEST_MIB": "8",
    "MEDGANTRY_SERVING_QUEUE": str(PLACES - 1),
    "MEDGANTRY_SERVING_BODY_SECONDS": "10",
}
UNLIMITED = [("grpc.max_send_message_length", -1)]


def message(items):
    tensors = [
        pb.ModelInferRequest.InferInputTensor(
            name=name, datatype="BYTES", shape=[1], contents=pb.InferTensorContents(bytes_contents=[item])
        )
        for name, item in zip(CHANNELS, items, strict=True)
    ]
    return pb.ModelInferRequest(model_name=NAME, inputs=tensors)


@pytest.fixture
def sound(tmp_path):
    images, _ = write_case(tmp_path / "case", 1)
    return message([path.read_bytes() for path in images])


class Silent:
    """A call of a client that sends no message until it is told to go."""

    def __init__(self, channel):
        self.go = threading.Event()
        infer = channel.stream_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        self._answer = infer.future(self._messages(), timeout=60)

    def _messages(self):
        self.go.wait()
        yield from ()

    def status(self):
        return self._answer.code(), self._answer.details()


def test_messages_that_are_too_large_are_refused_and_cost_no_memory(sound, store, tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    with (
        served(bundle.folder, store, SMALL) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=UNLIMITED) as channel,
    ):
        stub = GRPCInferenceServiceStub(channel)
        wanted = stub.ModelInfer(sound)
        before = server.memory_mib
        for _ in range(5):
            with pytest.raises(grpc.RpcError, match="larger than max") as refused:
                stub.ModelInfer(message([bytes(64 << 20), b"", b""]))
            assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.memory_mib - before < 40
        assert stub.ModelInfer(sound).raw_output_contents == wanted.raw_output_contents
        assert "Traceback" not in server.log.read_text()


def test_a_place_is_taken_before_a_message_is_read_and_not_for_long(sound, store, tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    with (
        served(bundle.folder, store, SMALL) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        calls = [Silent(channel) for _ in range(PLACES + 2)]
        statuses = sorted((call.status() for call in calls), key=str)
        codes = [code for code, _ in statuses]
        # Nobody sent anything: who got no place was told so before, the others when their time was over.
        assert (
            codes == [grpc.StatusCode.DEADLINE_EXCEEDED] * PLACES + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
        )
        assert "did not arrive within 10 s" in statuses[0][1]
        assert "wait already" in statuses[-1][1]
        for call in calls:
            call.go.set()
        ended = Silent(channel)
        ended.go.set()
        assert ended.status()[0] == grpc.StatusCode.INVALID_ARGUMENT
        assert GRPCInferenceServiceStub(channel).ModelInfer(sound).outputs


def test_nothing_of_a_refused_message_stays_until_garbage_is_collected(tmp_path):
    limits = Limits()
    admission, references = Admission(limits), References(sources=[], targets=[])
    model = BundleServer(NAME, make_bundle(tmp_path / "bundle").folder, limits, references, admission)

    async def main():
        kserve = make_server(0, 0, limits)
        kserve.register_model(model)
        server = make_grpc(kserve.dataplane, kserve.model_repository_extension, limits, admission)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.RpcError, match="was wanted; found"):
                await GRPCInferenceServiceStub(channel).ModelInfer(message([b"no volume"] * 3))
        await server.stop(None)
        return sum(isinstance(one, InferRequest) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()) == 0
    finally:
        gc.enable()
