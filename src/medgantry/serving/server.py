"""KServe's server with our limits: REST and gRPC on one address."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fastapi
import kserve.model_server
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from grpc import StatusCode, aio, stream_unary_rpc_method_handler
from kserve import ModelServer
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest, ModelInferResponse
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.rest.server import RESTServer

from medgantry.serving.admission import Admission
from medgantry.serving.data_plane import BinaryDataPlane
from medgantry.serving.gate import Gate
from medgantry.serving.limits import Limits
from medgantry.serving.refusals import BadContent, Refused

_STATUS = {
    429: StatusCode.RESOURCE_EXHAUSTED,
    503: StatusCode.UNAVAILABLE,
    408: StatusCode.DEADLINE_EXCEEDED,
    413: StatusCode.RESOURCE_EXHAUSTED,
}
"""gRPC's words for HTTP's; others are INVALID_ARGUMENT."""
_SPARE = 4
"""gRPC calls beside those that are answered or wait: to refuse them, and to tell of health and metadata."""


def make_server(port: int, grpc_port: int, limits: Limits) -> ModelServer:
    """KServe's server, reading binary data as it came.

    Args:
        port: For REST.
        grpc_port: For gRPC; 0 for none.
        limits: For how long it ends.
    """
    server = ModelServer(
        http_port=port,
        grpc_port=grpc_port,
        workers=1,
        enable_grpc=bool(grpc_port),
        grace_period=limits.grace_seconds,
    )
    server.dataplane = BinaryDataPlane(model_registry=server.registered_models)
    return server


def replace_listeners(
    host: str, limits: Limits, admission: Admission, decorate: Callable[[fastapi.FastAPI], None]
) -> None:
    """Let every server of this process listen on one address, with our limits (docs/decisions/0006-loopback-endpoint.md).

    Args:
        host: The address; on a laptop it must be loopback.
        limits: That requests keep.
        admission: Who is let in.
        decorate: What adds routes of its own.
    """

    class Rest(RESTServer):  # type: ignore[misc]
        """KServe's, which listens everywhere, takes bodies of any size and knows no 429."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            self.config.host = host

        def _add_middlewares(self, app: fastapi.FastAPI) -> None:
            super()._add_middlewares(app)
            guard(app, limits, admission)

        def _register_endpoints(self, app: fastapi.FastAPI) -> None:
            super()._register_endpoints(app)
            decorate(app)

    class Grpc(GRPCServer):  # type: ignore[misc]
        """KServe's, which listens everywhere."""

        async def start(self, max_workers: int) -> None:
            self._server = make_grpc(self._data_plane, self._model_repository_extension, limits, admission)
            self._server.add_insecure_port(f"{host}:{self._port}")
            await self._server.start()
            await self._server.wait_for_termination()

    # KServe's server names these classes itself and takes no others.
    kserve.model_server.RESTServer, kserve.model_server.GRPCServer = Rest, Grpc


def guard(app: fastapi.FastAPI, limits: Limits, admission: Admission) -> None:
    """Put the gate before an application, and give refusals their status."""
    app.add_middleware(Gate, admission=admission, limits=limits)
    app.add_exception_handler(BadContent, _bad_content)
    app.add_exception_handler(Refused, _refused)


async def _bad_content(_: Request, error: Exception) -> Response:
    assert isinstance(error, BadContent)
    return JSONResponse(status_code=error.status, content={"error": str(error)})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse(status_code=error.status, content={"error": str(error)}, headers={"Retry-After": "5"})


class _Statuses(ExceptionToStatusInterceptor):  # type: ignore[misc]
    """KServe's, and ours."""

    async def handle_exception(
        self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str
    ) -> None:
        if isinstance(ex, Refused | BadContent):
            # gRPC keeps what ended a call until the garbage is collected; its frames hold the request.
            ex.__traceback__ = ex.__cause__ = ex.__context__ = None
            await context.abort(_STATUS.get(ex.status, StatusCode.INVALID_ARGUMENT), str(ex))
        await super().handle_exception(ex, request_or_iterator, context, method_name)


class _Admitted(InferenceServicer):  # type: ignore[misc]
    """KServe's, for those who are let in."""

    def __init__(self, data_plane: Any, extension: Any, limits: Limits, admission: Admission) -> None:
        super().__init__(data_plane, extension)
        self._limits, self._admission = limits, admission

    def register(self, server: aio.Server) -> None:
        """Answer at a server. ModelInfer is read as a stream of one message, as others are whole in memory before we see them."""
        add_GRPCInferenceServiceServicer_to_server(self, server)
        infer = stream_unary_rpc_method_handler(
            self._infer, ModelInferRequest.FromString, ModelInferResponse.SerializeToString
        )
        server.add_registered_method_handlers("inference.GRPCInferenceService", {"ModelInfer": infer})

    async def _infer(self, _: Any, context: Any) -> Any:
        async with self._admission.admitted():
            return await self.ModelInfer(await self._message(context), context)

    async def _message(self, context: Any) -> Any:
        seconds = self._limits.body_seconds
        try:
            async with asyncio.timeout(seconds):
                message = await context.read()
        except TimeoutError:
            raise Refused(408, f"The message did not arrive within {seconds} s.") from None
        if message is aio.EOF:
            raise BadContent(400, "A message was wanted, none came.")
        return message


def make_grpc(data_plane: Any, extension: Any, limits: Limits, admission: Admission) -> aio.Server:
    """A gRPC server without a port yet."""
    server = aio.server(
        ThreadPoolExecutor(max_workers=2),
        interceptors=(_Statuses(),),
        options=[
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", limits.request_bytes),
        ],
        maximum_concurrent_rpcs=limits.concurrency + limits.queue + _SPARE,
    )
    _Admitted(data_plane, extension, limits, admission).register(server)
    return server
