"""Runs jobs in this process, in several processes on this machine, or on a cluster with Dask distributed.

If a worker dies, Dask gives its job to another one. Results are sent back to the
process that started the jobs, which alone writes files, so the machines of a
cluster need no shared folder.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import sys
import threading
from typing import TYPE_CHECKING, Any

from ..environment import import_brian2
from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["distribute"]

_TOPIC = "brian_siamsnn-frames"

#: Workers of an existing cluster may have several threads, but a matcher runs only one simulation at a time.
_one_at_a_time = threading.Lock()


def distribute(
    function: Callable[..., Any],
    jobs: dict[str, tuple],
    workers: int = 1,
    scheduler: str | None = None,
    tell: Callable[..., Any] | None = None,
    patience: float = 30,
) -> Iterator[tuple[str, Any]]:
    """Run jobs and yield each result when it is ready.

    Parameters
    ----------
    function : callable
        Called as ``function(*arguments, threads, tell)`` with the number of
        threads it may use (None: no limit) and a function ``tell(progress)`` to
        report progress to.
    jobs : dict of str to tuple
        Arguments of each job, by name.
    workers : int
        Number of processes on this machine. With 1, the default, jobs run in this
        process and Dask is not needed.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, whose workers
        are used instead. None by default.
    tell : callable, optional
        Called as ``tell(name, progress)``, possibly from another thread. None by
        default.
    patience : float
        Seconds to wait for the scheduler's answer, and for its first worker; 30 by default.

    Yields
    ------
    name : str
        Name of the job.
    result : object
        Return value of the function, or ``{"failed": reason}`` if it raised an
        exception in a worker or workers repeatedly died while running it.

    Raises
    ------
    InputError
        If Dask is needed but not installed, the scheduler cannot be reached, or
        workers die while they start.
    """
    tell = tell or (lambda name, progress: None)
    if not jobs:
        return
    if workers == 1 and scheduler is None:
        for name, arguments in jobs.items():
            yield name, function(*arguments, None, lambda progress, name=name: tell(name, progress))
        return
    with _client(min(workers, len(jobs)), scheduler, patience) as client:
        from distributed import as_completed

        client.subscribe_topic(_TOPIC, lambda event: tell(*event[1]))
        futures = {
            client.submit(_run, function, name, arguments, key=f"{name}-{client.id}", pure=False): name
            for name, arguments in jobs.items()
        }
        for future in as_completed(list(futures), loop=client.loop):
            name = futures[future]
            error = future.exception() if future.status == "error" else None
            if error is not None:
                yield name, {"failed": f"{type(error).__name__}: {error}"}
            else:
                yield name, future.result()
            future.release()


def _run(function, name, arguments):
    """Run one job inside a worker."""
    from distributed import get_worker

    worker = get_worker()
    # one thread per process, so that the processes do not compete for processors
    with _one_at_a_time:
        return function(*arguments, 1, lambda progress: worker.log_event(_TOPIC, (name, progress)))


@contextlib.contextmanager
def _client(workers, scheduler, patience):
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(
            "several workers: expected Dask distributed, which is not installed; "
            "pip install 'brian_siamsnn[evaluate]', or use --workers 1"
        ) from None
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # this process is a worker that imports the script which starts workers; the one that started it says so
        sys.exit(1)
    with contextlib.ExitStack() as stack:
        # Dask repeats the job of a worker that dies, so there is no need to log it
        stack.enter_context(dask.config.set({"distributed.logging.distributed": "critical"}))
        _silence()
        if scheduler is None:
            environment = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
            stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": environment}))
            try:
                scheduler = LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
                )
            except RuntimeError:
                raise InputError(
                    "several workers: they end while starting; a script that starts them must do so under "
                    "if __name__ == '__main__':, because every worker imports the script first"
                ) from None
            stack.callback(_close, scheduler)
        try:
            client = Client(scheduler, timeout=patience, set_as_default=False)
            stack.callback(_close, client)
            client.wait_for_workers(1, timeout=patience)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"{scheduler}: expected a Dask scheduler with a worker, got {error}; start them with 'dask scheduler' "
                f"and 'dask worker {scheduler}'"
            ) from None
        _prepare_workers(client)
        yield client


def _close(cluster_or_client):
    """Close it, ignoring a timeout: on a busy machine closing may take longer, but all results are in by then."""
    with contextlib.suppress(TimeoutError):
        cluster_or_client.close()


def _prepare_workers(client, attempts=5):
    plugin = _brian2_plugin()
    for attempt in range(attempts):
        try:
            client.register_plugin(plugin, name=_TOPIC)
            return
        except OSError:  # a worker died in the meantime
            if attempt == attempts - 1:
                raise InputError(
                    "several workers: they die while starting; check the memory of their machine"
                ) from None


def _brian2_plugin():
    """Plugin that imports Brian2 when a worker starts.

    On import, Brian2 installs a handler for Ctrl-C, which is possible only in the
    main thread of a process. Jobs run in another thread, but plugins are set up in
    the main thread.
    """
    from distributed import WorkerPlugin

    class ImportBrian2(WorkerPlugin):
        def setup(self, worker):
            import_brian2()

    return ImportBrian2()


def _silence():
    for name in ("distributed", "distributed.nanny", "distributed.scheduler", "distributed.worker", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
