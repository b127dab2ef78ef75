"""`python -m pipelines {list,run,submit,upload,compile,clean,up,env,down}`."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from kfp.components import load_component_from_file
from kfp.dsl.base_component import BaseComponent
from rich.console import Console
from rich.table import Table

from medgantry.errors import MedgantryError
from pipelines.batch_inference import batch_inference
from pipelines.brain_tumor_segmentation import brain_tumor_segmentation
from pipelines.deployment import deployment
from pipelines.drift_report import drift_report
from pipelines.feature_drift_report import feature_drift_report
from pipelines.ingest_dicom import ingest_dicom
from pipelines.lung_registration import lung_registration
from pipelines.nsclc_survival import nsclc_survival
from pipelines.predict_cohort import predict_cohort
from pipelines.quantify_expression import quantify_expression
from pipelines.resources import ACCOUNT
from pipelines.runners.parameters import parse_parameters, with_profile
from pipelines.runners.stack import StackError
from pipelines.skin_lesion_classification import skin_lesion_classification
from pipelines.spleen_segmentation import spleen_segmentation
from pipelines.train_bundle import train_bundle

if TYPE_CHECKING:
    from pipelines.runners.kubeflow import Kubeflow
    from pipelines.runners.place import Place

PIPELINES: dict[str, BaseComponent] = {
    "batch_inference": batch_inference,
    "brain_tumor_segmentation": brain_tumor_segmentation,
    "deployment": deployment,
    "drift_report": drift_report,
    "feature_drift_report": feature_drift_report,
    "ingest_dicom": ingest_dicom,
    "lung_registration": lung_registration,
    "nsclc_survival": nsclc_survival,
    "predict_cohort": predict_cohort,
    "quantify_expression": quantify_expression,
    "skin_lesion_classification": skin_lesion_classification,
    "spleen_segmentation": spleen_segmentation,
    "train_bundle": train_bundle,
}
HOME = Path(".medgantry")

Name = Annotated[str, typer.Argument(help="one of `list`, or a compiled pipeline's .yaml")]
Parameters = Annotated[list[str], typer.Option("-p", help="key=value")]
Host = Annotated[str, typer.Option(envvar="KF_PIPELINES_ENDPOINT", help="address of Kubeflow Pipelines")]
Namespace = Annotated[str, typer.Option(help="yours, on a multi-user Kubeflow")]
Experiment = Annotated[str, typer.Option(help="empty: the pipeline's name")]
Account = Annotated[str, typer.Option("--service-account", help="of the steps")]
CA = Annotated[str, typer.Option("--ca", help="PEM file of the server's certificate authority")]

app = typer.Typer(add_completion=False, help="Medgantry's pipelines.", no_args_is_help=True)


@app.command("list")
def list_pipelines() -> None:
    """Name every pipeline with its parameters."""
    for name, pipeline in PIPELINES.items():
        print(f"{name}: {pipeline.component_spec.description or ''}")
        for parameter, spec in (pipeline.component_spec.inputs or {}).items():
            print(f"    {parameter} ({spec.type}){'' if spec.optional else ', needed'}")


@app.command()
def run(
    name: Name,
    parameter: Parameters = [],  # noqa: B006 typer wants a list
    on: Annotated[
        str, typer.Option(help="where steps run: subprocess, containers or kubeflow")
    ] = "subprocess",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="leave stack and endpoints answering")] = False,
    profile: Annotated[
        int, typer.Option(help="training steps to trace with torch's profiler, for MLflow")
    ] = 0,
    host: Host = "",
    namespace: Namespace = "",
    experiment: Experiment = "",
    account: Account = ACCOUNT,
    ca: CA = "",
    wait: Annotated[bool, typer.Option("--wait", help="on Kubeflow: stay until the run's end")] = False,
) -> None:
    """Run a pipeline: here to its end, or on Kubeflow."""
    try:
        pipeline = _find(name)
        values = parse_parameters(pipeline, with_profile(parameter, profile) if profile else parameter)
        if on in ("subprocess", "containers"):
            document = _run_here(pipeline, values, on, keep=keep, quiet=as_json)
        elif on == "kubeflow":
            server = _connect(host, namespace, ca)
            document = _run_on_kubeflow(server, pipeline, values, experiment, account, wait=wait)
        else:
            raise MedgantryError(
                f"Nothing runs on {on!r} here.", "Use --on subprocess, containers or kubeflow."
            )
    except (MedgantryError, StackError) as error:
        failure = {"step": "", "class": type(error).__name__, "message": str(error), "remedy": ""}
        document = {"pipeline": name, "run_id": None, "state": "failed", "steps": [], "error": failure}
        if as_json:
            print(json.dumps(document))
        raise _told(error) from error
    if as_json:
        print(json.dumps(document))
    if document["error"]:
        error_text = "{step}: {message} {remedy}".format(**document["error"])
        print(f"error: {error_text.strip()}", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def submit(
    name: Name,
    recurring: Annotated[
        str, typer.Option(help="cron expression of KFP: second minute hour day month weekday")
    ],
    parameter: Parameters = [],  # noqa: B006 typer wants a list
    host: Host = "",
    namespace: Namespace = "",
    experiment: Experiment = "",
    account: Account = ACCOUNT,
    ca: CA = "",
) -> None:
    """Let Kubeflow run a pipeline again and again."""
    try:
        pipeline = _find(name)
        values = parse_parameters(pipeline, parameter)
        server = _connect(host, namespace, ca)
        version = server.upload(pipeline)
        print(server.schedule(version, values, experiment or pipeline.name, recurring, account))
    except MedgantryError as error:
        raise _told(error) from error


@app.command()
def upload(
    names: Annotated[list[str], typer.Argument(help="pipelines; none: all of ours")] = [],  # noqa: B006
    host: Host = "",
    namespace: Namespace = "",
    ca: CA = "",
) -> None:
    """Upload pipelines to Kubeflow, as versions named by their content."""
    try:
        server = _connect(host, namespace, ca)
        for name in names or sorted(PIPELINES):
            pipeline = _find(name)
            print(pipeline.name, server.upload(pipeline).name)
    except MedgantryError as error:
        raise _told(error) from error


@app.command("compile")
def compile_all(out: Annotated[Path, typer.Option(help="folder for the YAML")] = Path("dist")) -> None:
    """Write every component and pipeline as YAML that KFP loads."""
    from pipelines.compiling import compile_everything

    for path in compile_everything(PIPELINES, out):
        print(path)


@app.command()
def clean(
    run: Annotated[str, typer.Option(help="only what this run wrote or used")] = "",
    older_than: Annotated[str, typer.Option(help="only what is older, in days: 30d")] = "0d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list, remove nothing")] = False,
) -> None:
    """Remove shards, checkpoints and served copies that no model, alias or live run refers to."""
    from medgantry.registry.cleaning import find_garbage, remove
    from medgantry.storage import ObjectStore
    from pipelines.runners.local import use_stack

    if not older_than.removesuffix("d").replace(".", "", 1).isdigit():
        raise typer.BadParameter(f"--older-than wants days such as 30d, got {older_than!r}.")
    with use_stack(HOME, keep=False) as environment:
        os.environ.update(environment)
        store = ObjectStore.from_environment()
        pieces = find_garbage(store, run=run, older_than_days=float(older_than.removesuffix("d")))
        for piece in pieces:
            print(f"{piece.size / 2**20:10.1f} MiB  {piece.modified:%Y-%m-%d %H:%M}  {piece.prefix}")
        if not dry_run:
            remove(store, pieces)
        print(f"{len(pieces)} pieces {'would go' if dry_run else 'are gone'}")


@app.command()
def up() -> None:
    """Start the stack and serve what was deployed here, until `down`."""
    from medgantry.storage import ObjectStore
    from pipelines.runners.endpoints import Endpoints
    from pipelines.runners.stack import Stack, running
    from pipelines.runners.subprocess import Processes

    environment = running(HOME)
    if environment is None:
        stack = Stack(HOME)
        environment = stack.start()
        stack.detach()
    os.environ.update(environment)
    place = Processes()
    place.open(environment)
    endpoints = Endpoints(HOME, place, ObjectStore.from_environment())
    endpoints.start_all()
    endpoints.detach()
    print(f"MLflow {environment['MLFLOW_TRACKING_URI']}")
    for name, url in endpoints.urls.items():
        print(f"{name} {url}/v2/models/{name}")


@app.command()
def env() -> None:
    """Print the variables of the stack that `up` or `--keep` left: eval "$(python -m pipelines env)"."""
    from pipelines.runners.stack import running

    environment = running(HOME)
    if environment is None:
        print(
            f"error: No stack is up in {HOME.resolve()}. Start it with `python -m pipelines up`.",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    for name, value in sorted(environment.items()):
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def down() -> None:
    """Stop what `up` or `--keep` left running."""
    from pipelines.runners.endpoints import stop_kept
    from pipelines.runners.stack import down as stop_stack

    stop_kept(HOME)
    print("stopped" if stop_stack(HOME) else "nothing was running")


def _run_here(
    pipeline: BaseComponent, values: dict[str, Any], on: str, *, keep: bool, quiet: bool
) -> dict[str, Any]:
    from pipelines.runners.local import run as run_here
    from pipelines.runners.subprocess import Processes

    place: Place = Processes()
    if on == "containers":
        from pipelines.runners.containers import Containers

        if keep:
            raise MedgantryError(
                "The network of --on containers ends with the run.", "Serve with `make up` instead of --keep."
            )
        place = Containers(HOME)
    document = run_here(pipeline, values, HOME, place, keep=keep).document()
    if not quiet:
        _show(document, keep)
    return document


def _connect(host: str, namespace: str, ca: str) -> "Kubeflow":
    from pipelines.runners.kubeflow import Kubeflow

    if not host:
        raise MedgantryError("Where is Kubeflow Pipelines?", "Give --host or set KF_PIPELINES_ENDPOINT.")
    return Kubeflow(host, namespace, ca)


def _run_on_kubeflow(
    server: "Kubeflow",
    pipeline: BaseComponent,
    values: dict[str, Any],
    experiment: str,
    account: str,
    *,
    wait: bool,
) -> dict[str, Any]:
    version = server.upload(pipeline)
    run_id = server.run(version, values, experiment or pipeline.name, account)
    print(server.address(run_id), file=sys.stderr)
    document = {"pipeline": pipeline.name, "version": version.name, "run_id": run_id, "state": "submitted"}
    document |= {"url": server.address(run_id), "error": None}
    if not wait:
        return document
    end = server.wait(run_id, lambda line: print(line, file=sys.stderr))
    document["state"] = end.state.lower()
    if end.state != "SUCCEEDED":
        step, message = next(iter(end.failures.items()), ("", f"the run is {end.state.lower()}"))
        remedy = f"See {server.address(run_id)}."
        document["error"] = {"step": step, "class": "RunFailed", "message": message, "remedy": remedy}
    return document


def _told(error: Exception) -> typer.Exit:
    print(f"error: {error}", file=sys.stderr)
    return typer.Exit(2)


def _find(name: str) -> BaseComponent:
    if name in PIPELINES:
        return PIPELINES[name]
    if not name.endswith((".yaml", ".yml")):
        raise MedgantryError(
            f"There is no pipeline {name!r}.", f"Ours are {sorted(PIPELINES)}; or name a .yaml file."
        )
    if not Path(name).is_file():
        raise MedgantryError(f"There is no file {name}.", "Compile the pipeline first.")
    return load_component_from_file(name)


def _show(document: dict, keep: bool) -> None:
    console = Console(soft_wrap=True)
    table = Table("step", "state", "iterations", "seconds", "", title=document["run_id"])
    for row in document["steps"]:
        note = "reused" if row["reused"] else ""
        table.add_row(row["step"], row["state"], str(row["iterations"]), f"{row['seconds']:.1f}", note)
    console.print(table)
    if document["scores"]:
        scores = Table(
            "metric", "of", "estimate", "95 % interval", "cases", title="cases that had no part in the model"
        )
        for score in document["scores"]:
            scores.add_row(
                score["metric"],
                score["of"],
                f"{score['estimate']:.3f}",
                f"{score['low']:.3f} to {score['high']:.3f}",
                str(score["n"]),
            )
        console.print(scores)
    if document["registration"]:
        console.print(
            "registered {model} version {version}; champion is {champion}: {reason}".format(
                **document["registration"]
            )
        )
    answering = (
        "answering until `make down`"
        if keep
        else "stopped again; `--keep` or `make up` leaves them answering"
    )
    console.print(f"addresses ({answering}):")
    for name, url in document["addresses"].items():
        console.print(f"    {name}: {url}")


if __name__ == "__main__":
    app()
