// xtape-mpi: a transport between processes through MPI. One thread makes all calls of MPI, so that MPI need not support
// calls from several threads.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <future>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "framework/communication/mpi_module.hpp"

namespace xtape {
namespace {

using std::chrono::microseconds;

constexpr int note_tag = Transport::max_tag + 1;
constexpr std::size_t largest_part = std::size_t{1} << 30;  // MPI counts in int

void require(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw std::runtime_error(std::string(what) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    int initialized = 0, level = 0;
    require(MPI_Initialized(&initialized), "MPI_Initialized");
    if (initialized) {
      require(MPI_Query_thread(&level), "MPI_Query_thread");
      if (level < MPI_THREAD_MULTIPLE) {
        throw std::runtime_error(
            "mpi_communicator: expected MPI that was initialized with MPI_THREAD_MULTIPLE, because xtape calls it from "
            "another thread, got a lower level; use MPI_Init_thread, or let xtape initialize MPI");
      }
      require(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_), "MPI_Comm_dup");
    } else {
      require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
      if (level < MPI_THREAD_FUNNELED) {
        throw std::runtime_error("mpi_communicator: expected MPI that supports programs with threads, got one without");
      }
      owner_ = true;
    }
    require(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    require(MPI_Comm_rank(communicator_, &rank_), "MPI_Comm_rank");
    require(MPI_Comm_size(communicator_, &size_), "MPI_Comm_size");
  }
  // Transfers that are not done are those of a run that has failed; MPI is then not finalized and forgets nothing.

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void start(Transfer& transfer) override {
    std::byte* bytes = transfer.bytes;
    std::size_t left = transfer.count;
    do {
      const std::size_t part = std::min(left, largest_part);
      const int count = static_cast<int>(part);
      MPI_Request request = MPI_REQUEST_NULL;
      if (transfer.sends) {
        require(MPI_Isend(bytes, count, MPI_BYTE, transfer.peer, transfer.tag, communicator_, &request), "MPI_Isend");
      } else {
        require(MPI_Irecv(bytes, count, MPI_BYTE, transfer.peer, transfer.tag, communicator_, &request), "MPI_Irecv");
      }
      add(request, &transfer);
      ++transfer.open_parts;
      bytes += part;
      left -= part;
    } while (left > 0);
  }

  void send_note(int to, const std::string& text) override {
    const std::string& kept = *notes_.insert(text).first;  // until the process ends; there are few
    MPI_Request request = MPI_REQUEST_NULL;
    require(MPI_Isend(kept.data(), static_cast<int>(text.size()), MPI_BYTE, to, note_tag, communicator_, &request),
            "MPI_Isend");
    add(request, nullptr);
  }

  std::optional<Note> next_note() override {
    int arrived = 0, count = 0;
    MPI_Status status;
    require(MPI_Iprobe(MPI_ANY_SOURCE, note_tag, communicator_, &arrived, &status), "MPI_Iprobe");
    if (!arrived) return std::nullopt;
    require(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
    Note note{status.MPI_SOURCE, std::string(static_cast<std::size_t>(count), ' ')};
    require(MPI_Recv(note.text.data(), count, MPI_BYTE, note.from, note_tag, communicator_, MPI_STATUS_IGNORE),
            "MPI_Recv");
    return note;
  }

  bool progress() override {
    if (requests_.empty()) return false;
    int count = 0;
    done_.resize(requests_.size());
    statuses_.resize(requests_.size());
    const int result =
        MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, done_.data(), statuses_.data());
    if (result == MPI_ERR_IN_STATUS) {
      for (int i = 0; i < count; ++i) require(statuses_[static_cast<std::size_t>(i)].MPI_ERROR, "a transfer");
    }
    require(result, "MPI_Testsome");
    if (count <= 0) return false;
    for (int i = 0; i < count; ++i) {
      Transfer* transfer = transfers_[static_cast<std::size_t>(done_[static_cast<std::size_t>(i)])];
      if (transfer && --transfer->open_parts == 0) transfer->done = true;
    }
    std::size_t kept = 0;  // MPI has set the requests that are done to null
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (requests_[i] == MPI_REQUEST_NULL) continue;
      requests_[kept] = requests_[i];
      transfers_[kept++] = transfers_[i];
    }
    requests_.resize(kept);
    transfers_.resize(kept);
    idle_ = 0;
    return true;
  }

  /// A thread cannot wait for MPI and for a call of wake together, so it polls MPI: at first without pauses, since
  /// messages take microseconds, then less and less often, so that the processor is left to those who compute.
  void wait(microseconds limit) override {
    if (requests_.empty()) {
      bell_.wait(size_ == 1 ? limit : std::min(limit, microseconds(5000)));  // a single rank gets no notes
      idle_ = 0;
    } else if (++idle_ < 100) {
      std::this_thread::yield();
    } else {
      bell_.wait(std::min(limit, microseconds(std::min<std::int64_t>(idle_ / 5, 500))));
    }
  }
  void wake() override { bell_.ring(); }
  bool separate_processes() const override { return true; }

  bool leave(std::chrono::milliseconds limit) override {
    if (!requests_.empty()) return false;
    if (owner_) {
      finalize(limit);
    } else {
      require(MPI_Comm_free(&communicator_), "MPI_Comm_free");
    }
    return true;
  }

  void terminate() override {
    std::thread([] {  // if MPI_Abort waits for a network that is cut
      std::this_thread::sleep_for(std::chrono::seconds(5));
      _exit(2);
    })
        .detach();
    MPI_Abort(communicator_, 2);
    _exit(2);
  }

 private:
  /// MPI_Finalize waits for the other processes without a limit, also for one that has died or is cut off by now.
  void finalize(std::chrono::milliseconds limit) {
    std::promise<void> finalized;
    std::thread watch([rank = rank_, limit, future = finalized.get_future()] {
      if (future.wait_for(limit) == std::future_status::ready) return;
      std::fprintf(stderr,
                   "rank %d: expected MPI_Finalize to return within %g s, got nothing; another process has ended or is "
                   "cut off; this process is killed\n",
                   rank, static_cast<double>(limit.count()) / 1000);
      _exit(2);
    });
    const int result = MPI_Finalize();
    finalized.set_value();
    watch.join();
    require(result, "MPI_Finalize");
  }

  void add(MPI_Request request, Transfer* transfer) {
    requests_.push_back(request);
    transfers_.push_back(transfer);
    idle_ = 0;
  }

  MPI_Comm communicator_ = MPI_COMM_WORLD;
  bool owner_ = false;
  int rank_ = 0, size_ = 1;
  std::vector<MPI_Request> requests_;
  std::vector<Transfer*> transfers_;  // of the requests; null for notes
  std::vector<int> done_;
  std::vector<MPI_Status> statuses_;
  std::set<std::string> notes_;
  std::int64_t idle_ = 0;  // waits since the last event
  Bell bell_;
};

}  // namespace

extern "C" const MpiModule* xtape_mpi_module() {
  static const MpiModule module{XTAPE_VERSION, []() -> Transport* { return new MpiTransport; }};
  return &module;
}

}  // namespace xtape
