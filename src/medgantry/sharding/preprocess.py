"""One preprocessing task: its shards, one after another, each committed before the next begins."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import Mismatch, ObjectMissing, PreconditionFailed, StoreUnavailable
from medgantry.fingerprint import canonical_json, hash_file
from medgantry.sharding.plan import PlannedShard, ShardPlan
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore


def preprocess_part(
    plan: ShardPlan, cohort: Cohort, bundle: Bundle, *, part: int, store: ObjectStore, record: StepRecord
) -> list[dict[str, Any]]:
    """Make the shards of one task; those that were committed before are taken as they are.

    Returns:
        The shards' sidecars.

    Raises:
        Mismatch: If the plan is of another cohort or of other transforms.
    """
    if plan.cohort_hash != cohort.cohort_hash:
        raise Mismatch(
            f"The plan is of cohort {plan.cohort_hash[:12]}, this is {cohort.cohort_hash[:12]}.",
            "Plan again.",
        )
    if plan.transform_fingerprint != bundle.transform_fingerprint:
        raise Mismatch("The plan was made for other transforms than this bundle's.", "Plan again.")
    shards = plan.part(part)
    record.use(f"shards/{plan.spec}")
    sidecars: list[dict[str, Any]] = []
    made = 0
    for done, shard in enumerate(shards):
        record.advance(done, len(shards), "shards")
        key = f"shards/{plan.spec}/{shard.shard_id}.json"
        try:
            sidecars.append(json.loads(store.get_bytes(key)))
            continue
        except ObjectMissing:
            made += 1
        sidecars.append(_make(shard, key, cohort, bundle, store))
    record.reused = made == 0
    record.facts = {"shards_made": made, "shards_reused": len(shards) - made}
    record.advance(len(shards), len(shards), "shards")
    return sidecars


def _make(
    shard: PlannedShard, key: str, cohort: Cohort, bundle: Bundle, store: ObjectStore
) -> dict[str, Any]:
    # Imported here so that a task whose shards all exist does not pay for torch and MONAI.
    from medgantry.sharding.case_tensors import CaseTensors, encode_case
    from medgantry.sharding.shard_file import write_shard

    transforms = CaseTensors(bundle, cohort.region_codes())
    tensors: dict[str, Any] = {}
    cases: dict[str, Any] = {}
    failures: list[dict[str, str]] = []
    with TemporaryDirectory(prefix="medgantry-shard-") as name, ThreadPoolExecutor(1) as fetcher:
        scratch = Path(name)
        ahead: dict[str, Future[Any]] = {}
        for index, case_id in enumerate(shard.cases):
            for wanted in shard.cases[
                index : index + 2
            ]:  # the next case is fetched while this one is computed
                if wanted not in ahead:
                    ahead[wanted] = fetcher.submit(
                        transforms.bring, cohort.files_of[wanted], scratch / wanted
                    )
            try:
                encoded = encode_case(transforms(ahead.pop(case_id).result()))
            except StoreUnavailable:
                raise  # the store, not the case, is at fault: the step is retried
            except Exception as error:  # noqa: BLE001 whatever a transform raises is a verdict about the case
                failures.append({"case_id": case_id, "evidence": f"{type(error).__name__}: {error}"[:500]})
                continue
            cases[case_id] = {tensor: _facts(part) for tensor, part in encoded.items()}
            tensors |= {f"{case_id}.{tensor}": part.stored for tensor, part in encoded.items()}
        path = scratch / "shard.safetensors"
        write_shard(path, tensors, {"shard_id": shard.shard_id, "cases": cases})
        sha256 = hash_file(path)
        data_key = f"shards/{key.split('/')[1]}/{shard.shard_id}-{sha256[:16]}.safetensors"
        sidecar = {
            "shard_id": shard.shard_id,
            "uri": store.uri(data_key),
            "sha256": sha256,
            "bytes": path.stat().st_size,
            "cases": cases,
            "failures": failures,
        }
        with suppress(PreconditionFailed):  # the same bytes: a killed worker got as far as this
            store.put_file(data_key, path, if_absent=True)
    try:
        store.put_bytes(key, canonical_json(sidecar).encode(), if_absent=True)
    except PreconditionFailed:
        sidecar = json.loads(store.get_bytes(key))
    return sidecar


def _facts(part: Any) -> dict[str, Any]:
    return {
        "dtype": str(part.stored.dtype),
        "shape": list(part.stored.shape),
        "scale": part.scale,
        "offset": part.offset,
    }
