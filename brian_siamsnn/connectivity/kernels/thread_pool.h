// A thread pool for short loops, which waits for a thread only if it has started an iteration.
//
// At the end of an OpenMP loop all threads must arrive, even those that the system has not woken yet. On a busy machine
// that takes a time slice, many times as long as the loop itself. Here the caller executes one iteration after another;
// a helper thread that wakes in time takes some of them, and one that wakes late finds none left and goes back to
// sleep. After a fork there are no helpers, and the caller executes all iterations.
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
    // Calls body(context, task) for every task below `tasks`, on the caller and up to threads - 1 helpers; only on the
    // caller while the helpers are busy with the loop of another thread.
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

    // The pool of the process. It is never destroyed, because its helpers may sleep until the process ends.
    static ThreadPool& instance() {
        static ThreadPool* pool = new ThreadPool;
        return *pool;
    }

private:
    struct Job {
        void (*body)(void*, int) = nullptr;
        void* context = nullptr;
        int tasks = 0, helpers = 0, processor = -1;  // processor of the caller
        int32_t number = 0;
    };

    // Executes tasks of this job until none is left. next_ holds the number of the job together with the next task, so
    // that a late helper does not take a task of a newer job.
    void work(const Job& job) {
        int64_t next = next_.load(std::memory_order_acquire);
        while (static_cast<int32_t>(next >> 32) == job.number && static_cast<int32_t>(next) < job.tasks) {
            if (!next_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) continue;
            job.body(job.context, static_cast<int32_t>(next));
            finished_.fetch_add(1, std::memory_order_release);
            next = next_.load(std::memory_order_acquire);
        }
    }

    // The system tends to wake a helper on the processor of the caller, where it waits until the caller has done all
    // the work. A helper that finds itself there moves to another processor, for later jobs.
#if defined(__linux__)
    static int this_processor() { return sched_getcpu(); }

    static void leave(int processor) {
        cpu_set_t others;  // processors that the process may use
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

// Calls body(task) for every task below `tasks`.
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
