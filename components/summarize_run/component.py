"""The component `summarize_run`."""

from kfp import dsl

from components import images


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def summarize_run(
    page: dsl.Output[dsl.HTML],
    status: dsl.PipelineTaskFinalStatus,
):
    """Write what happened in a run, whatever happened.

    Args:
        status: KFP's verdict on the run.

    Returns:
        page: Steps with state, time and error.
    """
    from pathlib import Path

    from medgantry.summary import summarise_run

    summarise_run(Path(page.path), state=status.state)
