"""A sensor that tells a person of every failed run, where GEX_ALERT_COMMAND says how."""

from dagster import DefaultSensorStatus, RunFailureSensorContext, run_failure_sensor

from gex_pipeline import settings


@run_failure_sensor(
    name="alert",
    description="Hands what failed to the command in GEX_ALERT_COMMAND, on its standard input.",
    default_status=DefaultSensorStatus.RUNNING,
)
def failed_run(context: RunFailureSensorContext) -> None:
    """One message per run: the job, its partition, and what its steps said."""
    from gex_pipeline.engine.alerts import alert

    command = settings.load().alert_command
    if command:
        alert(command, text_of(context))


def text_of(context: RunFailureSensorContext) -> str:
    """What is said of a failed run."""
    run = context.dagster_run
    key = run.tags.get("dagster/partition", "")
    said = [event.step_failure_data.user_failure_data for event in context.get_step_failure_events()]
    lines = [failure.description for failure in said if failure is not None and failure.description]
    return "\n".join([f"gex: {run.job_name} {key} failed", *(lines or [context.failure_event.message or ""])])
