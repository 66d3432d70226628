#include "framework/communication/thread_transport.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <list>
#include <utility>

namespace xtape {
namespace {

/// The messages to one rank: transfers of which the other side has not been started yet, and notes.
struct Mailbox {
  struct Waiting {
    int from, owner;  // owner: the rank that started the transfer
    Transfer* transfer;
  };
  std::mutex mutex;
  std::list<Waiting> waiting;
  std::deque<Transport::Note> notes;
  Bell bell;
};

using Mailboxes = std::vector<Mailbox>;

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Mailboxes> boxes, int rank) : boxes_(std::move(boxes)), rank_(rank) {}
  ThreadTransport(const ThreadTransport&) = delete;
  ThreadTransport& operator=(const ThreadTransport&) = delete;
  ~ThreadTransport() override {
    for (Mailbox& box : *boxes_) {
      const std::lock_guard lock(box.mutex);
      box.waiting.remove_if([&](const Mailbox::Waiting& entry) { return entry.owner == rank_; });
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(boxes_->size()); }

  void start(Transfer& transfer) override {
    const int from = transfer.sends ? rank_ : transfer.peer;
    Mailbox& box = box_of(transfer.sends ? transfer.peer : rank_);
    const std::lock_guard lock(box.mutex);
    const auto other = std::ranges::find_if(box.waiting, [&](const Mailbox::Waiting& entry) {
      return entry.from == from && entry.transfer->tag == transfer.tag && entry.transfer->sends != transfer.sends;
    });
    if (other == box.waiting.end()) {
      box.waiting.push_back({from, rank_, &transfer});
      return;
    }
    const auto [sent, received] =
        transfer.sends ? std::pair(&transfer, other->transfer) : std::pair(other->transfer, &transfer);
    if (sent->count > 0) std::memcpy(received->bytes, sent->bytes, sent->count);
    const int owner = other->owner;
    other->transfer->done = true;
    box.waiting.erase(other);
    transfer.done = true;
    box_of(owner).bell.ring();
  }

  void send_note(int to, const std::string& text) override {
    Mailbox& box = box_of(to);
    const std::lock_guard lock(box.mutex);
    box.notes.push_back({rank_, text});
    box.bell.ring();
  }

  std::optional<Note> next_note() override {
    Mailbox& box = box_of(rank_);
    const std::lock_guard lock(box.mutex);
    if (box.notes.empty()) return std::nullopt;
    Note note = std::move(box.notes.front());
    box.notes.pop_front();
    return note;
  }

  bool progress() override { return false; }
  void wait(std::chrono::microseconds limit) override { box_of(rank_).bell.wait(limit); }
  void wake() override { box_of(rank_).bell.ring(); }
  bool separate_processes() const override { return false; }
  bool leave(std::chrono::milliseconds) override { return true; }
  void terminate() override {}

 private:
  Mailbox& box_of(int rank) { return (*boxes_)[static_cast<std::size_t>(rank)]; }

  std::shared_ptr<Mailboxes> boxes_;
  int rank_;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> thread_transports(int size) {
  const auto boxes = std::make_shared<Mailboxes>(static_cast<std::size_t>(size));
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < size; ++rank) transports.push_back(std::make_unique<ThreadTransport>(boxes, rank));
  return transports;
}

}  // namespace xtape
