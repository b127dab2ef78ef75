"""A served model behind KServe's protocols."""

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from kserve import InferRequest, InferResponse, Model

from medgantry.errors import MedgantryError, SourceUnavailable, StoreUnavailable
from medgantry.monitoring.record import Record, Status
from medgantry.monitoring.request_log import RequestLog
from medgantry.serving import protocol_v1, protocol_v2
from medgantry.serving.admission import Admission
from medgantry.serving.answers.choose import answers_of
from medgantry.serving.exchange import Answered, Asked, wanted_outputs
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from medgantry.serving.metrics import ANSWERED, Stages
from medgantry.serving.refusals import BadContent, Refused, TooLarge
from medgantry.serving.warm_up import warm_up
from medgantry.stages import stage
from medgantry.storage import ObjectStore
from medgantry.storage.folders import copied_hash

_LOG = logging.getLogger(__name__)


class BundleServer(Model):  # type: ignore[misc]
    """A bundle or a survival model; ready once it has answered a first request.

    Args:
        name: The model's name in addresses.
        folder: The served copy.
        limits: That requests keep.
        references: What requests may refer to.
        admission: Who is let in.
        store: Where requests are logged; None for nowhere.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        limits: Limits,
        references: References,
        admission: Admission,
        store: ObjectStore | None = None,
    ) -> None:
        super().__init__(name)
        self._release = copied_hash(folder)
        self._references, self._admission = references, admission
        self.answers = answers_of(folder, Receiver(limits, references))
        with TemporaryDirectory(prefix="medgantry-warm-up-") as scratch:
            warm_up(self.answers, folder, Path(scratch))
        self._log = RequestLog(store, name, self.answers.names) if store else None
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """What a request holds."""
        return [each.document() for each in self.answers.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """What an answer may hold."""
        return [each.document() for each in self.answers.outputs]

    async def predict(
        self, payload: InferRequest | dict[str, Any], headers: Any = None, response_headers: Any = None
    ) -> InferResponse | dict[str, Any]:
        """Answer a request when its turn comes.

        Raises:
            BadContent: If it is wrong in itself: HTTP 400 or 413.
            Refused: If the store or a PACS is away: HTTP 503.
        """
        protocol = "v1" if isinstance(payload, dict) else "grpc" if payload.from_grpc else "v2"
        began, status = time.monotonic(), 500
        try:
            with Stages.counted(self.name) as stages:
                answered = await self._admission.in_turn(partial(self._answered, payload, stages))
            status = 200
            return answered
        except (StoreUnavailable, SourceUnavailable) as error:
            status = 503
            raise Refused(status, str(error)) from error
        except MedgantryError as error:
            status = 413 if isinstance(error, TooLarge) else 400
            raise BadContent(status, str(error)) from error
        finally:
            ANSWERED.labels(self.name, protocol, status).inc()
            if status != 200:
                self._note("refused" if status < 500 else "failed", time.monotonic() - began, {})

    def close(self) -> None:
        """Write what the log still holds."""
        if self._log:
            self._log.close()

    def _answered(
        self, payload: InferRequest | dict[str, Any], stages: Stages
    ) -> InferResponse | dict[str, Any]:
        with TemporaryDirectory(prefix="medgantry-request-") as name:
            with stage("answer"):
                if isinstance(payload, dict):
                    answer, found = self._answer_v1(payload, Path(name))
                else:
                    answer, found = self._answer_v2(payload, Path(name))
            if self._log:
                with stage("observe"):
                    for each in found:
                        self._note("answered", stages.seconds["answer"], _observed(each))
        return answer

    def _answer_v1(self, payload: dict[str, Any], scratch: Path) -> tuple[dict[str, Any], Sequence[Answered]]:
        with stage("read"):
            asked = protocol_v1.read_requests(payload, self.answers)
        found = [self._apply(one, scratch / str(number)) for number, one in enumerate(asked)]
        with stage("write"):
            return {"predictions": [protocol_v1.write_answer(one.outputs) for one in found]}, found

    def _answer_v2(self, payload: InferRequest, scratch: Path) -> tuple[InferResponse, Sequence[Answered]]:
        with stage("read"):
            asked = protocol_v2.read_request(payload)
        found = self._apply(asked, scratch / "0")
        with stage("write"):
            outputs = protocol_v2.write_answer(found.outputs, asked, payload, self._references)
        response = InferResponse(
            response_id=payload.id or "",
            model_name=self.name,
            model_version=self._release,
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )
        return response, [found]

    def _apply(self, asked: Asked, scratch: Path) -> Answered:
        wanted = wanted_outputs(asked, self.answers)
        if asked.output_prefix:
            self._references.check_target(asked.output_prefix)
        scratch.mkdir()
        try:
            return self.answers.answer(asked, wanted, scratch)
        except MedgantryError:
            raise
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise Refused(503, "The server has not enough memory for this input.") from error
        except Exception as error:  # noqa: BLE001 whatever a bundle's transforms raise is about the input
            # Neither the client nor the log gets its text, which may name a patient.
            _LOG.error("A request failed with %s", type(error).__name__)
            raise _Failed(type(error).__name__) from None

    def _note(self, status: Status, seconds: float, facts: Mapping[str, Any]) -> None:
        if self._log:
            self._log.add(Record(release=self._release, status=status, seconds=seconds, **facts))


def _observed(found: Answered) -> Mapping[str, Any]:
    """What the log may know; nothing where it cannot be told, as no request fails for that."""
    try:
        return found.observe()
    except Exception as error:  # noqa: BLE001 see above
        _LOG.warning("A request is logged without its statistics: %s", type(error).__name__)
        return {}


class _Failed(MedgantryError):
    """What a bundle's transforms or network raised."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The model could not be applied to this input: {kind}.",
            "Compare it with the inputs that the model was trained on.",
        )
