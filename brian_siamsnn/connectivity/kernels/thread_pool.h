// A few threads that help with a loop, and are never waited for unless they
// have begun.
//
// OpenMP's threads all have to arrive at the end of a loop, also those that the
// system has not woken yet; on a machine with other work that takes a time
// slice, many times as long as the loop itself.  Here the caller takes one
// iteration after the other; a thread that wakes in time takes some as well,
// and one that wakes late finds nothing left and sleeps on.  After a fork there
// are no helpers, and the caller does everything.
#ifndef BRIAN_SIAMSNN_THREAD_POOL_H
#define BRIAN_SIAMSNN_THREAD_POOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace siamsnn {

class ThreadPool {
public:
    // Calls body(context, task) for every task below `tasks`, on the caller and up to threads - 1 helpers;
    // on the caller alone while another thread's loop has the helpers.
    void run(int tasks, int threads, void (*body)(void*, int), void* context) {
        std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
        if (!turn) {
            for (int task = 0; task < tasks; task++) body(context, task);
            return;
        }
        Job job;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            for (; helpers_ < threads - 1; helpers_++) std::thread(&ThreadPool::help, this, helpers_).detach();
            job = job_ = {body, context, tasks, threads - 1, this_processor(), job_.number + 1};
            finished_.store(0);
            next_.store(static_cast<int64_t>(job.number) << 32);
        }
        wake_.notify_all();
        work(job);
        while (finished_.load(std::memory_order_acquire) < tasks) std::this_thread::yield();
    }

    // One for the process.  It is never destroyed: its helpers may sleep until the process ends.
    static ThreadPool& instance() {
        static ThreadPool* pool = new ThreadPool;
        return *pool;
    }

private:
    struct Job {
        void (*body)(void*, int) = nullptr;
        void* context = nullptr;
        int tasks = 0, helpers = 0, processor = -1;  // the caller's
        int32_t number = 0;
    };

    // Take tasks of this job until none is left.  next_ holds the job's number beside the next task, so that
    // a helper which comes late takes no task of a job that it does not know.
    void work(const Job& job) {
        int64_t next = next_.load(std::memory_order_acquire);
        while (static_cast<int32_t>(next >> 32) == job.number && static_cast<int32_t>(next) < job.tasks) {
            if (!next_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) continue;
            job.body(job.context, static_cast<int32_t>(next));
            finished_.fetch_add(1, std::memory_order_release);
            next = next_.load(std::memory_order_acquire);
        }
    }

    // The system likes to wake a helper on the processor of the thread that wakes it, where it waits until that has done
    // all of the work.  A helper that finds itself there goes to another one, for the jobs to come.
#if defined(__linux__)
    static int this_processor() { return sched_getcpu(); }

    static void leave(int processor) {
        cpu_set_t others;  // of those that the process may use
        if (sched_getcpu() != processor || sched_getaffinity(getpid(), sizeof others, &others)) return;
        CPU_CLR(processor, &others);
        if (CPU_COUNT(&others)) sched_setaffinity(0, sizeof others, &others);
    }
#else
    static int this_processor() { return -1; }
    static void leave(int) {}
#endif

    void help(int index) {
        int32_t seen = 0;
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return job_.number != seen; });
            const Job job = job_;
            seen = job.number;
            if (index >= job.helpers) continue;
            lock.unlock();
            leave(job.processor);
            work(job);
            lock.lock();
        }
    }

    std::mutex mutex_, turn_;
    std::condition_variable wake_;
    Job job_;
    int helpers_ = 0;
    std::atomic<int64_t> next_{0};
    std::atomic<int> finished_{0};
};

// body(task) for every task below `tasks`.
template <typename Body>
void parallel_for(int tasks, int threads, Body& body) {
    if (threads < 2 || tasks < 2) {
        for (int task = 0; task < tasks; task++) body(task);
        return;
    }
    ThreadPool::instance().run(
        tasks, threads, [](void* context, int task) { (*static_cast<Body*>(context))(task); }, &body);
}

}  // namespace siamsnn
#endif
