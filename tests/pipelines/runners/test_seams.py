"""The private places of others that we replace are still what we replace."""

import inspect

import kserve.model_server
from kfp.local import docker_task_handler, subprocess_task_handler
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.rest.server import RESTServer


def test_kfp_runs_steps_through_the_function_we_replace():
    assert list(inspect.signature(subprocess_task_handler.run_local_subprocess).parameters) == [
        "full_command",
        "env_vars",
    ]
    assert "run_local_subprocess(" in inspect.getsource(subprocess_task_handler.SubprocessTaskHandler.run)


def test_kfp_runs_containers_through_the_function_we_replace():
    names = list(inspect.signature(docker_task_handler.run_docker_container).parameters)
    assert names == ["client", "image", "command", "volumes", "container_run_args"]
    assert "run_docker_container(" in inspect.getsource(docker_task_handler.DockerTaskHandler.run)


def test_kserve_starts_the_server_we_replace():
    assert kserve.model_server.RESTServer is RESTServer
    assert "self._rest_server = RESTServer(" in inspect.getsource(kserve.model_server)
    assert kserve.model_server.GRPCServer is GRPCServer
    assert "self._grpc_server = GRPCServer(" in inspect.getsource(kserve.model_server)
    assert {"_add_middlewares", "_register_endpoints"} <= set(vars(RESTServer))
    assert "async def start(self, max_workers" in inspect.getsource(GRPCServer)
