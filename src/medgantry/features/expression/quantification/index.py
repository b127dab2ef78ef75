"""The index of a reference in the store: made once, whoever is first."""

from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.features.expression.quantification.reference import Reference
from medgantry.features.expression.quantification.salmon import INDEX_OPTIONS, build_index, salmon_version
from medgantry.fingerprint import hash_value
from medgantry.storage import ObjectStore, publish_folder
from medgantry.storage.commits import commit, committed
from medgantry.storage.folders import copied_hash


def keep_index(reference: Reference, kmer: int, store: ObjectStore) -> tuple[str, bool]:
    """The index of a reference; it is built unless the store has it.

    salmon's index is not the same to the last byte twice, so each building gets a folder of its own, and the first one
    that is named in `<key>.json` is everybody's.

    Returns:
        The folder's prefix in the store, and whether it was there.
    """
    with TemporaryDirectory(prefix="medgantry-index-") as name:
        scratch = Path(name)
        # Not the code's fingerprint: sequences, program and options decide the index, and it takes long.
        key = (
            f"expression-indexes/{hash_value([reference.key, kmer, INDEX_OPTIONS, salmon_version(scratch)])}"
        )
        if (named := committed(store, f"{key}.json")) is not None:
            return str(named["prefix"]), True
        index = scratch / "index"
        build_index(reference.fasta, reference.decoys, kmer, index)
        prefix = f"{key}-{copied_hash(index)[:16]}"
        publish_folder(store, prefix, index)
    return str(commit(store, f"{key}.json", {"prefix": prefix})["prefix"]), False
