"""Every metric: its name, what it means, by what it is told apart, and where its figures are.

No label has a value that callers choose: engines, lanes and programs are the operator's, codes and
states are ours, and of owners the first twenty are told apart (progress/job_counts.py), of those
with a budget the twenty that have used most of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from unstill import __version__
from unstill.domain.delivery import DeliveryState
from unstill.domain.engine import Children
from unstill.domain.job_ids import made_ms
from unstill.files.free_space import Room
from unstill.files.last_backup import LastBackup
from unstill.server.metrics.family import Family, Row, one
from unstill.server.metrics.money import MONEY
from unstill.server.metrics.reading import Disk, Reading


def _jobs(reading: Reading) -> Iterator[Row]:
    for state, engine, owner_class, count in reading.sources.jobs.unfinished():
        yield (state.value, engine, owner_class), count


def _stays(reading: Reading) -> Iterator[Row]:
    for state, engine, timings in reading.sources.jobs.stays():
        yield (state.value, engine), timings


def _ended(reading: Reading) -> Iterator[Row]:
    for state, count in reading.sources.jobs.ended.items():
        yield (state.value,), count


def _refused(reading: Reading) -> Iterator[Row]:
    for code, count in reading.refused_submits.items():
        yield (code,), count


def _doubts(reading: Reading) -> Iterator[Row]:
    yield from _of_remotes(reading, reading.sources.jobs.doubts)


def _open_doubts(reading: Reading) -> Iterator[Row]:
    if reading.doubts is not None:
        yield from _of_remotes(reading, Counter(reading.doubts))


def _charges(reading: Reading) -> Iterator[Row]:
    yield from _of_remotes(reading, reading.sources.jobs.charges)


def _of_remotes(reading: Reading, counts: Counter[str]) -> Iterator[Row]:
    """A row for each upstream's engine also before the first, so that a rise from none is seen."""
    for engine in {**dict.fromkeys(reading.sources.remotes), **counts}:
        yield (engine,), counts[engine]


def _upstream_calls(reading: Reading) -> Iterator[Row]:
    for (engine, outcome), count in reading.sources.calls.submits.items():
        yield (engine, outcome.value), count


def _upstream_errors(reading: Reading) -> Iterator[Row]:
    yield from reading.sources.calls.errors.items()


def _refusing(reading: Reading) -> Iterator[Row]:
    for engine, is_refusing in reading.refusing.items():
        yield (engine,), is_refusing


def _held_up(reading: Reading) -> Iterator[Row]:
    held_up = {(name, stage) for name, stage, _ in reading.sources.stalls.engines()}
    for engine in reading.sources.engines:
        for stage in ("submits", "polls"):
            yield (engine, stage), (engine, stage) in held_up


def _queues(reading: Reading) -> Iterator[Row]:
    for engine, count, _ in reading.sources.forecast.queues():
        yield (engine,), count


def _oldest(reading: Reading) -> Iterator[Row]:
    for engine, _, oldest in reading.sources.forecast.queues():
        age_ms = 0 if oldest is None else max(0, reading.now_ms - made_ms(oldest))
        yield (engine,), age_ms / 1000


def _busy(reading: Reading) -> Iterator[Row]:
    for name, busy, _ in reading.sources.store.queue.in_use():
        yield (name,), busy


def _slots(reading: Reading) -> Iterator[Row]:
    for name, _, slots in reading.sources.store.queue.in_use():
        yield (name,), slots


def _of_children(figure: Callable[[Children], int]) -> Callable[[Reading], Iterable[Row]]:
    """By program: several engines may have children of the same."""

    def rows(reading: Reading) -> Iterator[Row]:
        counts: Counter[str] = Counter()
        for each in reading.sources.children:
            counts[each.program] += figure(each)
        for program, count in counts.items():
            yield (program,), count

    return rows


def _tries(state: DeliveryState) -> Callable[[Reading], Iterable[Row]]:
    return one(lambda reading: reading.sources.webhook_tries.get(state, 0))


def _of_disk(figure: Callable[[Disk], int]) -> Callable[[Reading], Iterable[Row]]:
    return one(lambda reading: None if reading.disk is None else figure(reading.disk))


def _of_limited(figure: Callable[[Room], int]) -> Callable[[Reading], Iterable[Row]]:
    """Where the folder has a limit: it is counted for that alone."""
    return one(
        lambda reading: figure(reading.sources.room) if reading.sources.room.most_bytes else None
    )


def _removed(reading: Reading) -> Iterator[Row]:
    for what, count in reading.sources.removals.jobs.items():
        yield (what,), count


def _freed(reading: Reading) -> Iterator[Row]:
    for what, size_bytes in reading.sources.removals.freed_bytes.items():
        yield (what,), size_bytes


def _of_backup(figure: Callable[[LastBackup], float]) -> Callable[[Reading], Iterable[Row]]:
    return one(lambda reading: None if reading.last_backup is None else figure(reading.last_backup))


def _version(reading: Reading) -> Iterator[Row]:
    del reading
    yield (__version__,), 1


FAMILIES: tuple[Family, ...] = (
    Family(
        "unstill_build_info", "gauge", "Always 1; the release is its label", _version, ("version",)
    ),
    Family(
        "unstill_jobs",
        "gauge",
        "Unfinished jobs: each is in one state",
        _jobs,
        ("state", "engine", "owner_class"),
    ),
    Family("unstill_jobs_ended_total", "counter", "Jobs that have ended", _ended, ("state",)),
    Family(
        "unstill_job_state_seconds",
        "histogram",
        "How long jobs were in a state, when they left it",
        _stays,
        ("state", "engine"),
    ),
    Family(
        "unstill_jobs_held",
        "gauge",
        "Jobs that wait for `unstill jobs release`",
        one(lambda reading: reading.held),
    ),
    Family(
        "unstill_submits_taken_total",
        "counter",
        "Calls of submit that made a job",
        one(lambda reading: reading.sources.jobs.taken),
    ),
    Family(
        "unstill_submits_refused_total",
        "counter",
        "Calls of submit that were refused",
        _refused,
        ("code",),
    ),
    Family(
        "unstill_doubts_total",
        "counter",
        "Jobs that ended in doubt (submit_unknown): an upstream may have taken and billed them",
        _doubts,
        ("engine",),
    ),
    Family(
        "unstill_doubts_open",
        "gauge",
        "Calls in doubt that nobody has said a word of: unstill jobs resolve",
        _open_doubts,
        ("engine",),
    ),
    Family(
        "unstill_charges_total",
        "counter",
        "Submits that an upstream took, each of which it may charge for",
        _charges,
        ("engine",),
    ),
    *MONEY,
    Family(
        "unstill_upstream_submits_total",
        "counter",
        "Submits to an upstream, by what they came to",
        _upstream_calls,
        ("engine", "outcome"),
    ),
    Family(
        "unstill_upstream_errors_total",
        "counter",
        "Calls to an upstream, polls among them, without a good answer",
        _upstream_errors,
        ("engine", "code_class"),
    ),
    Family(
        "unstill_upstream_refusing",
        "gauge",
        "1 while the breaker of an upstream's account is open, and it is let alone",
        _refusing,
        ("engine",),
    ),
    Family(
        "unstill_engine_held_up",
        "gauge",
        "1 while all submits or polls of an engine meet the same trouble, as /ready has it",
        _held_up,
        ("engine", "stage"),
    ),
    Family(
        "unstill_queue_jobs",
        "gauge",
        "Jobs in the queue of an engine: it has not begun them",
        _queues,
        ("engine",),
    ),
    Family(
        "unstill_queue_oldest_seconds",
        "gauge",
        "Age of the oldest job in the queue of an engine, 0 without any",
        _oldest,
        ("engine",),
    ),
    Family("unstill_lane_busy", "gauge", "Steps under way in a lane", _busy, ("lane",)),
    Family("unstill_lane_slots", "gauge", "Steps that a lane does at once", _slots, ("lane",)),
    Family(
        "unstill_children_started_total",
        "counter",
        "Child processes that were started",
        _of_children(lambda pool: pool.started),
        ("program",),
    ),
    Family(
        "unstill_children_died_total",
        "counter",
        "Child processes that ended without a last word, or were ended for silence or nonsense",
        _of_children(lambda pool: pool.died),
        ("program",),
    ),
    Family(
        "unstill_children_alive",
        "gauge",
        "Child processes that there are now",
        _of_children(lambda pool: pool.alive),
        ("program",),
    ),
    Family(
        "unstill_webhooks_owed",
        "gauge",
        "Webhook events that are still to be delivered",
        one(lambda reading: reading.owed),
    ),
    Family(
        "unstill_webhooks_sent_total",
        "counter",
        "Webhook events that a receiver took",
        _tries(DeliveryState.DELIVERED),
    ),
    Family(
        "unstill_webhook_tries_failed_total",
        "counter",
        "Tries of webhook events that failed and are made again",
        _tries(DeliveryState.OWED),
    ),
    Family(
        "unstill_webhooks_given_up_total",
        "counter",
        "Webhook events that no receiver took in time",
        _tries(DeliveryState.GIVEN_UP),
    ),
    Family(
        "unstill_disk_size_bytes",
        "gauge",
        "Size of the disk of the data folder",
        _of_disk(lambda disk: disk.size),
    ),
    Family(
        "unstill_disk_used_bytes",
        "gauge",
        "Used of the disk of the data folder",
        _of_disk(lambda disk: disk.used),
    ),
    Family(
        "unstill_disk_free_bytes",
        "gauge",
        "Free on the disk of the data folder, for the server's user",
        _of_disk(lambda disk: disk.free),
    ),
    Family(
        "unstill_disk_reserve_bytes",
        "gauge",
        "With less free on the disk of the data folder no new job is taken",
        one(lambda reading: reading.sources.room.least_bytes),
    ),
    Family(
        "unstill_disk_folder_bytes",
        "gauge",
        "Bytes in the data folder, whatever else is on its disk; only with `most_data_mb`",
        _of_limited(lambda room: room.held_bytes()),
    ),
    Family(
        "unstill_disk_folder_limit_bytes",
        "gauge",
        "With as many bytes in the data folder no new job is taken; only with `most_data_mb`",
        _of_limited(lambda room: room.most_bytes),
    ),
    Family(
        "unstill_retention_removed_total",
        "counter",
        "Jobs of which something has gone because its time was over",
        _removed,
        ("what",),
    ),
    Family(
        "unstill_retention_freed_bytes_total",
        "counter",
        "Bytes of the disk that were freed so",
        _freed,
        ("what",),
    ),
    Family(
        "unstill_backup_last_timestamp_seconds",
        "gauge",
        "When the last backup of the data folder was made, in Unix seconds; none where none was",
        _of_backup(lambda made: made.at_ms / 1000),
    ),
    Family(
        "unstill_backup_last_size_bytes",
        "gauge",
        "Size of the jobs' files in that backup",
        _of_backup(lambda made: made.size_bytes),
    ),
    Family(
        "unstill_loop_lag_seconds",
        "histogram",
        "Lag of the event loop: how late a timer rings",
        one(lambda reading: reading.lag.times),
    ),
    Family(
        "unstill_loop_lag_worst_seconds",
        "gauge",
        "The longest lag of the event loop in a minute",
        one(lambda reading: reading.lag.worst_s),
    ),
    Family(
        "unstill_commit_seconds",
        "histogram",
        "How long commits of the job store took, until they were on the disk",
        one(lambda reading: reading.sources.store.commits.times),
    ),
    Family(
        "unstill_commits_failed_total",
        "counter",
        "Commits of the job store that failed",
        one(lambda reading: reading.sources.store.commits.failed),
    ),
    Family(
        "unstill_connections_open",
        "gauge",
        "Connections of callers",
        one(lambda reading: reading.connections),
    ),
)
