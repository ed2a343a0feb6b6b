#include "parallel.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace recon {
namespace {

class Pool {
 public:
  explicit Pool(int n) : n_(n) {
    for (int t = 1; t < n; ++t) threads_.emplace_back([this, t] { work(t); });
  }
  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      ++round_;
    }
    start_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  int size() const { return n_; }

  void run(int n_tasks, const std::function<void(int, int)>& task) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      task_ = &task;
      n_tasks_ = n_tasks;
      pending_ = n_ - 1;
      ++round_;
    }
    start_.notify_all();
    share(0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return pending_ == 0; });
  }

 private:
  void share(int thread) {
    for (int i = thread; i < n_tasks_; i += n_) (*task_)(i, thread);
  }
  void work(int thread) {
    long seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        start_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        if (stop_) return;
      }
      share(thread);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--pending_ == 0) done_.notify_one();
    }
  }

  int n_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int, int)>* task_ = nullptr;
  int n_tasks_ = 0, pending_ = 0;
  long round_ = 0;
  bool stop_ = false;
};

Pool* pool = nullptr;  // never freed at exit: joining threads while the process dies can hang

}  // namespace

int n_threads() {
  if (!pool) {
    unsigned n = std::thread::hardware_concurrency();
    pool = new Pool(n ? static_cast<int>(n) : 1);
  }
  return pool->size();
}

void set_n_threads(int n) {
  if (n < 1 || (pool && pool->size() == n)) return;
  delete pool;
  pool = new Pool(n);
}

void parallel(int n_tasks, const std::function<void(int, int)>& task) {
  int n = n_threads();
  if (n == 1 || n_tasks <= 1) {
    for (int i = 0; i < n_tasks; ++i) task(i, i % n);
    return;
  }
  pool->run(n_tasks, task);
}

}  // namespace recon
