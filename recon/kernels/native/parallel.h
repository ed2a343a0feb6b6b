// A fixed pool of threads. Task i always runs on thread i % n_threads, so that sums kept per thread are the same in every run.
#pragma once

#include <functional>

namespace recon {

int n_threads();
void set_n_threads(int n);

// Runs task(i, thread) for i in [0, n_tasks); returns when all are done. Not reentrant.
void parallel(int n_tasks, const std::function<void(int, int)>& task);

}  // namespace recon
