"""Jobs over processes: in this one, in workers on this machine, or on a cluster, through Dask distributed.

Dask keeps track of the workers: the job of one that dies is given to another.
Results travel back to the process that asked, which writes the files, so the
machines of a cluster need no folder to write to.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["distribute"]

_TOPIC = "brian_siamsnn-frames"

#: A worker of someone else's cluster may have several threads, but a matcher is one simulation.
_one_at_a_time = threading.Lock()


def distribute(
    function: Callable[..., Any],
    jobs: dict[str, tuple],
    workers: int = 1,
    scheduler: str | None = None,
    tell: Callable[..., Any] | None = None,
    patience: float = 30,
) -> Iterator[tuple[str, Any]]:
    """Run jobs and yield what each gives, as it gets ready.

    Parameters
    ----------
    function : callable
        Called as ``function(*arguments, threads, tell)``: the threads that it
        may take (None: as many as it likes) and a function to report progress to.
    jobs : dict of str to tuple
        Arguments by name.
    workers : int
        Processes on this machine. One job at a time needs no Dask and runs in
        this process.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``.
    tell : callable, optional
        Called as ``tell(name, progress)``, perhaps from another thread.
    patience : float
        Seconds to wait for the scheduler's answer, and for its first worker.

    Yields
    ------
    name : str
    result : object
        Of the function; ``{"failed": reason}`` if workers died over it again
        and again.

    Raises
    ------
    InputError
        If Dask is needed and not installed, or the scheduler cannot be reached.
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
    """One job inside a worker."""
    from distributed import get_worker

    worker = get_worker()
    # each process of the machine takes one thread, so that they do not fight over processors
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
            "pip install 'brian_siamsnn[evaluate]', or take --workers 1"
        ) from None
    with contextlib.ExitStack() as stack:
        # a worker that dies is a job to do again, and not a reason to talk
        stack.enter_context(dask.config.set({"distributed.logging.distributed": "critical"}))
        _silence()
        if scheduler is None:
            environment = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
            stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": environment}))
            scheduler = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
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
    """Close it; on a busy machine that may take longer than Dask waits, when all work is done and nothing is lost."""
    with contextlib.suppress(TimeoutError):
        cluster_or_client.close()


def _prepare_workers(client, attempts=5):
    plugin = _import_brian2()
    for attempt in range(attempts):
        try:
            client.register_plugin(plugin, name=_TOPIC)
            return
        except OSError:  # a worker died meanwhile
            if attempt == attempts - 1:
                raise InputError("several workers: they die while they start; look at their machine's memory") from None


def _import_brian2():
    """Plugin that imports Brian2 when a worker starts.

    Brian2 registers a handler of Ctrl-C when it is imported, which only the main
    thread of a process may do. Jobs run in another thread; plugins start in the
    main one.
    """
    from distributed import WorkerPlugin

    class ImportBrian2(WorkerPlugin):
        def setup(self, worker):
            import brian2  # noqa: F401

    return ImportBrian2()


def _silence():
    for name in ("distributed", "distributed.nanny", "distributed.scheduler", "distributed.worker", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
