"""A registration's answers: where every voxel of the fixed image is in the moving one."""

from collections.abc import Sequence
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import PAIR
from medgantry.inference.registrar import Registrar
from medgantry.serving.exchange import Answered, Asked, Described, FileAnswer
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.volumes import observe, receive_volume
from medgantry.stages import stage


class RegistrationAnswers:
    """Answers of a bundle that registers pairs of volumes on one grid.

    Inputs: `fixed` and `moving`; `incoming.volumes` says in which forms. Outputs, both files on the fixed image's grid:

        displacement_nifti  (i, j, k, 1, 3), mm in RAS+, fixed to moving
        warped_nifti        the moving image as it lies on the fixed one

    Args:
        bundle: With weights.
        receiver: Brings what requests hold.
    """

    inputs = tuple(Described(name=name, datatype="BYTES", shape=[1]) for name in PAIR)
    outputs = (
        Described(name="displacement_nifti", datatype="BYTES", shape=[1]),
        Described(name="warped_nifti", datatype="BYTES", shape=[1]),
    )

    names = PAIR

    def __init__(self, bundle: Bundle, receiver: Receiver) -> None:
        self._model, self._receiver = Registrar(bundle), receiver

    def answer(self, asked: Asked, wanted: Sequence[str], scratch: Path) -> Answered:
        """Register one pair."""
        given = asked.by_name(PAIR)
        with stage("read"):
            received = {name: receive_volume(given[name], self._receiver, scratch) for name in PAIR}
        found = self._model.predict_case({name: Path(each.file.uri) for name, each in received.items()})
        files = {
            "displacement_nifti": scratch / "displacement.nii.gz",
            "warped_nifti": scratch / "warped.nii.gz",
        }
        with stage("write"):
            found.save(*files.values())
        return Answered(
            outputs={name: FileAnswer(paths=[files[name]]) for name in wanted},
            observe=lambda: observe(list(received.values())),
        )
