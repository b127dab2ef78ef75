"""Making one shard: fetch, transform, encode, write, commit."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import PreconditionFailed, StoreUnavailable
from medgantry.fingerprint import hash_file
from medgantry.sharding.case_tensors import CaseTensors
from medgantry.sharding.encoding import Encoded, encode
from medgantry.sharding.plan import PlannedShard, sidecar_key
from medgantry.sharding.shard_file import write_shard
from medgantry.storage import ObjectStore
from medgantry.storage.commits import commit


class ShardMaker:
    """A bundle's transforms, made ready once for all shards of a task."""

    def __init__(self, cohort: Cohort, bundle: Bundle, store: ObjectStore) -> None:
        self._cohort, self._store = cohort, store
        self._transforms = CaseTensors(bundle, bundle.label_codes(cohort))
        self._classes = bundle.class_indices(cohort)

    def make(self, shard: PlannedShard, spec: str) -> dict[str, Any]:
        """Make a shard and commit it: the data first, then the sidecar that says it is done.

        Returns:
            The sidecar.
        """
        tensors: dict[str, Any] = {}
        cases: dict[str, Any] = {}
        failures: list[dict[str, str]] = []
        with TemporaryDirectory(prefix="medgantry-shard-") as name:
            scratch = Path(name)
            for case_id, result in self._encoded(shard.cases, scratch):
                if isinstance(result, Exception):
                    evidence = f"{type(result).__name__}: {result}"[:500]
                    failures.append({"case_id": case_id, "evidence": evidence})
                    continue
                cases[case_id] = {tensor: _facts(part) for tensor, part in result.items()}
                tensors |= {f"{case_id}.{tensor}": part.stored for tensor, part in result.items()}
            path = scratch / "shard.safetensors"
            write_shard(
                path, tensors, {"cases": cases}
            )  # content alone: equal content is equal bytes everywhere
            sha256 = hash_file(path)
            data_key = f"shards/{spec}/{shard.shard_id}-{sha256[:16]}.safetensors"
            sidecar = {
                "shard_id": shard.shard_id,
                "uri": self._store.uri(data_key),
                "sha256": sha256,
                "bytes": path.stat().st_size,
                "cases": cases,
                "failures": failures,
            }
            with suppress(PreconditionFailed):  # the same bytes: a killed worker got as far as this
                self._store.put_file(data_key, path, if_absent=True)
        return dict(commit(self._store, sidecar_key(spec, shard.shard_id), sidecar))

    def _encoded(
        self, cases: Sequence[str], scratch: Path
    ) -> Iterator[tuple[str, dict[str, Encoded] | Exception]]:
        """Every case with its tensors, or with what went wrong; the next is fetched while one is computed."""

        def bring(case_id: str) -> tuple[dict[str, Any], Path]:
            files = self._cohort.files_of[case_id]
            return self._transforms.bring(files, scratch / case_id, self._classes.get(case_id))

        with ThreadPoolExecutor(1) as fetcher:
            ahead = None
            for case_id, following in zip(cases, [*cases[1:], None], strict=True):
                brought = ahead or fetcher.submit(bring, case_id)
                if following is not None:
                    ahead = fetcher.submit(bring, following)
                try:
                    tensors = self._transforms(brought.result())
                    yield case_id, {name: encode(array) for name, array in tensors.items()}
                except StoreUnavailable:
                    raise  # the store, not the case, is at fault: the step is retried
                except Exception as error:  # noqa: BLE001 whatever a transform raises is a verdict about the case
                    yield case_id, error


def _facts(part: Encoded) -> dict[str, Any]:
    return {
        "dtype": str(part.stored.dtype),
        "shape": list(part.stored.shape),
        "scale": part.scale,
        "offset": part.offset,
        "made": part.made,
    }
