// A training step on many ranks, simulated with SMPI (SimGrid). Processes 0 to n-1 are the communicators' threads of n
// ranks: they exchange the messages of xtape's schedules in the order of ProgressThread. Process n+r is the thread of
// rank r that computes. It runs on the same host, only waits for the time that computing takes, and starts and awaits
// operations through messages of one byte.
//
//   smpirun ... simulate step COSTS [of=RANKS] [passes=1] [overlap=1] [narrow=0] [bucket=BYTES] [speed=1] [steps=2]
//   smpirun ... simulate all_reduce COSTS [of=RANKS] [narrow=0] ELEMENTS ...
//
// The number of ranks is half of the number of processes. With `of`, two ranks of a run of so many are simulated, and
// each takes the place of all partners of the other one. All ranks of such a run have the same messages at the same
// times if they are alike and each has a separate link to a switch that never blocks. The load of the links is then
// that of the whole run.
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <simgrid/s4u.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/simulation/messages.hpp"

namespace {

using namespace xtape::bench;

void pass_time(double seconds) {
  if (seconds > 0) simgrid::s4u::this_actor::sleep_for(seconds);
}

/// What a file of measure costs says, in seconds and bytes. What one thread does with memory (add, pack, narrow) takes
/// the same time on nodes of any speed: these have more cores.
struct Costs {
  struct Gradient {
    std::size_t index;
    std::int64_t bytes;
    double seconds;  // of the backward pass since the gradient before it
  };
  double forward = 0, rest = 0, update = 0, add = 0, pack = 0, narrow = 0;
  std::int64_t states = 0, images = 0;
  std::vector<Gradient> gradients;
};

Costs read_costs(const std::string& path, double speed) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("simulate: expected a file of costs, got " + path);
  Costs costs;
  std::map<std::string, double*> numbers{{"forward", &costs.forward}, {"rest", &costs.rest}, {"update", &costs.update},
                                         {"add", &costs.add},         {"pack", &costs.pack}, {"narrow", &costs.narrow}};
  std::string line;
  while (std::getline(file, line)) {
    std::ranges::replace(line, ',', ' ');
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (name == "gradient") {
      Costs::Gradient& g = costs.gradients.emplace_back();
      words >> g.index >> g.bytes >> g.seconds;
      g.seconds /= speed;
    } else if (name == "states") {
      words >> costs.states;
    } else if (name == "images") {
      words >> costs.images;
    } else if (const auto number = numbers.find(name); number != numbers.end()) {
      words >> *number->second;
      if (name == "forward" || name == "rest" || name == "update") *number->second /= speed;
    }
  }
  if (costs.gradients.empty()) throw std::runtime_error("simulate: expected gradients in " + path);
  return costs;
}

/// The options name=value of the command line, and the other arguments.
struct Arguments {
  Arguments(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string text = argv[i];
      const std::size_t equals = text.find('=');
      if (equals == std::string::npos) {
        words.push_back(text);
      } else {
        options[text.substr(0, equals)] = std::stod(text.substr(equals + 1));
      }
    }
  }
  double get(const std::string& name, double otherwise) const {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
  }
  std::map<std::string, double> options;
  std::vector<std::string> words;
};

/// What the operations are, in the order in which all ranks start them.
struct Plan {
  struct Operation {
    bool sums;
    std::int64_t size;  // elements of a sum, bytes of each rank of a gather
  };
  struct Action {
    enum class Kind { compute, start, wait } kind;
    double seconds = 0;
    int operation = 0;
  };
  std::vector<Operation> operations;
  std::vector<Action> actions;  // of the thread that computes
  bool narrow = false;

  void compute(double seconds) { actions.push_back({Action::Kind::compute, seconds, 0}); }
  int start(bool sums, std::int64_t size) {
    operations.push_back({sums, size});
    const int number = static_cast<int>(operations.size()) - 1;
    actions.push_back({Action::Kind::start, 0, number});
    return number;
  }
  void wait(int operation) { actions.push_back({Action::Kind::wait, 0, operation}); }
  /// Shards::gather of so many doubles: the sizes, then the numbers and their count.
  void gather(std::int64_t doubles) {
    wait(start(false, 8));
    wait(start(false, 8 * (doubles + 1)));
  }
};

/// GradientReduction's buckets: from the last parameter to the first.
std::vector<std::vector<std::size_t>> buckets_of(const std::vector<std::int64_t>& bytes, double bucket_bytes) {
  std::vector<std::vector<std::size_t>> buckets;
  std::int64_t filled = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    if (buckets.empty() || static_cast<double>(filled) >= bucket_bytes) {
      buckets.emplace_back();
      filled = 0;
    }
    buckets.back().push_back(i);
    filled += bytes[i];
  }
  return buckets;
}

/// TrainStep::collect: what one rank does in a step.
void add_step(Plan& plan, const Costs& costs, const Arguments& arguments) {
  const std::size_t parameters = costs.gradients.size();
  std::vector<std::int64_t> bytes(parameters);
  for (const Costs::Gradient& g : costs.gradients) bytes[g.index] = g.bytes;
  const auto buckets = buckets_of(bytes, arguments.get("bucket", 4 << 20));
  const double narrow_cost = plan.narrow ? costs.narrow : 0;
  std::vector<bool> complete(parameters, false);
  std::vector<int> sums;
  std::size_t next = 0;
  const auto start_complete = [&] {
    for (; next < buckets.size(); ++next) {
      std::int64_t of_bucket = 0;
      for (const std::size_t i : buckets[next]) {
        if (!complete[i]) return;
        of_bucket += bytes[i];
      }
      plan.compute(static_cast<double>(of_bucket) * (costs.pack + narrow_cost));
      sums.push_back(plan.start(true, of_bucket / 4));
    }
  };

  plan.gather(2);  // learning rate and count
  const int passes = static_cast<int>(arguments.get("passes", 1));
  const bool overlap = arguments.get("overlap", 1) != 0;
  for (int pass = 0; pass < passes; ++pass) {
    plan.compute(costs.forward);
    for (const Costs::Gradient& g : costs.gradients) {
      plan.compute(g.seconds);
      if (pass + 1 < passes) continue;
      complete[g.index] = true;
      if (overlap) start_complete();
    }
    plan.compute(costs.rest);
  }
  start_complete();
  plan.gather(static_cast<std::int64_t>(parameters) + costs.states + 4);  // loss, presence, shares, figures
  for (std::size_t i = 0; i < sums.size(); ++i) {
    plan.wait(sums[i]);
    plan.compute(static_cast<double>(plan.operations[static_cast<std::size_t>(sums[i])].size * 4) * costs.pack);
  }
  plan.compute(costs.update);
}

constexpr int start_tag = 32000, done_tag = 32001;

/// The thread that computes. Returns the seconds that its actions take.
double compute(const Plan& plan, int communicator) {
  char byte = 0;
  std::set<int> done;
  const double begin = MPI_Wtime();
  for (const Plan::Action& action : plan.actions) {
    switch (action.kind) {
      case Plan::Action::Kind::compute: pass_time(action.seconds); break;
      case Plan::Action::Kind::start: MPI_Send(&byte, 1, MPI_CHAR, communicator, start_tag, MPI_COMM_WORLD); break;
      case Plan::Action::Kind::wait:
        while (!done.contains(action.operation)) {
          int number = 0;
          MPI_Recv(&number, 1, MPI_INT, communicator, done_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
          done.insert(number);
        }
    }
  }
  return MPI_Wtime() - begin;
}

/// The communicator's thread: ProgressThread without failures.
class Progress {
 public:
  /// `run`: the number of ranks in the run, of which `ranks` are simulated.
  Progress(const Plan& plan, const Costs& costs, int rank, int ranks, int run, char* buffer)
      : plan_(plan), costs_(costs), rank_(rank), ranks_(ranks), run_(run), buffer_(buffer) {}

  void run() {
    std::size_t ended = 0;
    add({Event::Kind::order, 0, 0});
    while (ended < plan_.operations.size()) {
      int index = 0;
      MPI_Waitany(static_cast<int>(requests_.size()), requests_.data(), &index, MPI_STATUS_IGNORE);
      const Event event = events_[static_cast<std::size_t>(index)];
      requests_[static_cast<std::size_t>(index)] = requests_.back();
      events_[static_cast<std::size_t>(index)] = events_.back();
      requests_.pop_back();
      events_.pop_back();
      if (event.kind == Event::Kind::order) {
        begin(next_++);
        if (next_ < static_cast<int>(plan_.operations.size())) add({Event::Kind::order, 0, 0});
        continue;
      }
      if (event.kind == Event::Kind::report) continue;
      Running& running = *running_.at(event.operation);
      --running.open;
      if (event.kind == Event::Kind::agreement) running.agreed.insert(event.peer);
      if (event.kind == Event::Kind::transfer) --running.open_in_round;
      if (advance(event.operation, running)) {
        running_.erase(event.operation);
        ++ended;
      }
    }
    if (!requests_.empty()) {
      MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
    }
  }

 private:
  struct Event {
    enum class Kind { order, description, agreement, transfer, report } kind;
    int operation, peer;
  };
  struct Running {
    MessageList list;
    std::size_t round = 0;
    bool posted = false;
    int open = 0, open_in_round = 0;
    std::set<int> agreed;
  };

  MPI_Request& add(Event event) {
    events_.push_back(event);
    MPI_Request& request = requests_.emplace_back(MPI_REQUEST_NULL);
    if (event.kind == Event::Kind::order) {
      MPI_Irecv(&order_, 1, MPI_CHAR, ranks_ + rank_, start_tag, MPI_COMM_WORLD, &request);
    }
    return request;
  }

  void transfer(Event event, bool sends, std::int64_t bytes) {
    const int count = static_cast<int>(std::max<std::int64_t>(bytes, 1));  // SMPI mishandles messages without bytes
    const int peer = run_ > ranks_ ? 1 - rank_ : event.peer;
    const int rounding = run_ > ranks_ ? 8 * run_ : 0;  // of blocks to whole elements
    MPI_Request& request = add(event);
    if (sends) {
      MPI_Isend(buffer_, count, MPI_BYTE, peer, event.operation, MPI_COMM_WORLD, &request);
    } else {
      MPI_Irecv(buffer_, count + rounding, MPI_BYTE, peer, event.operation, MPI_COMM_WORLD, &request);
    }
  }

  void begin(int number) {
    const Plan::Operation& operation = plan_.operations[static_cast<std::size_t>(number)];
    Running& running = *running_.emplace(number, std::make_unique<Running>()).first->second;
    running.list = operation.sums ? all_reduce_messages(rank_, run_, operation.size, plan_.narrow)
                                  : all_gather_messages(rank_, run_, operation.size);
    for (const int peer : running.list.compared_with) {
      running.open += 2;
      transfer({Event::Kind::agreement, number, peer}, false, description_bytes);
      transfer({Event::Kind::description, number, peer}, true, description_bytes);
    }
  }

  /// Posts the rounds that can begin. Returns whether the operation has ended.
  bool advance(int number, Running& running) {
    std::vector<MessageRound>& rounds = running.list.rounds;
    for (; running.round < rounds.size(); ++running.round, running.posted = false) {
      const MessageRound& round = rounds[running.round];
      if (!running.posted) {
        const bool agreed = running.agreed.size() == running.list.compared_with.size() ||
                            std::ranges::all_of(round.messages, [&](const Message& message) {
                              return running.agreed.contains(message.peer);
                            });
        if (!agreed) return false;
        running.posted = true;
        running.open += static_cast<int>(round.messages.size());
        running.open_in_round = static_cast<int>(round.messages.size());
        for (const Message& message : round.messages) {
          transfer({Event::Kind::transfer, number, message.peer}, message.sends, message.bytes);
        }
      }
      if (running.open_in_round > 0) return false;
      pass_time(static_cast<double>(round.added_bytes) * (costs_.add + (plan_.narrow ? costs_.narrow : 0)));
    }
    if (running.open > 0) return false;
    reports_.push_back(std::make_unique<int>(number));
    MPI_Request& request = add({Event::Kind::report, number, 0});
    MPI_Isend(reports_.back().get(), 1, MPI_INT, ranks_ + rank_, done_tag, MPI_COMM_WORLD, &request);
    return true;
  }

  const Plan& plan_;
  const Costs& costs_;
  int rank_, ranks_, run_, next_ = 0;
  char* buffer_;
  char order_ = 0;
  std::vector<MPI_Request> requests_;
  std::vector<Event> events_;
  std::map<int, std::unique_ptr<Running>> running_;
  std::vector<std::unique_ptr<int>> reports_;
};

/// Runs the plan on `ranks` of the ranks of a run, and returns the time of the slowest one.
double run(const Plan& plan, const Costs& costs, int process, int ranks, int all, char* buffer) {
  MPI_Barrier(MPI_COMM_WORLD);
  double own = 0, slowest = 0;
  if (process < ranks) {
    Progress(plan, costs, process, ranks, all, buffer).run();
  } else {
    own = compute(plan, process - ranks);
  }
  MPI_Allreduce(&own, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return slowest;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int process = 0, processes = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &process);
  MPI_Comm_size(MPI_COMM_WORLD, &processes);
  const Arguments arguments(argc, argv);
  const int ranks = processes / 2, all = static_cast<int>(arguments.get("of", ranks));
  if (all != ranks && ranks != 2) throw std::runtime_error("simulate: expected 4 processes for of=RANKS");
  const Costs costs = read_costs(arguments.words.at(1), arguments.get("speed", 1));
  // The contents of messages do not matter. SMPI does not copy shared memory; all ranks are in one process and have one
  // buffer, because a buffer for each would exceed the number of mappings that Linux allows.
  static auto* const buffer = static_cast<char*>(SMPI_SHARED_MALLOC(std::size_t{64} << 20));
  Plan plan;
  plan.narrow = arguments.get("narrow", 0) != 0;
  if (arguments.words.at(0) == "step") {
    const int steps = static_cast<int>(arguments.get("steps", 2));
    for (int i = 0; i < steps; ++i) add_step(plan, costs, arguments);
    const double seconds = run(plan, costs, process, ranks, all, buffer) / steps;
    if (process == 0) std::printf("%d,%.9f\n", all, seconds);
  } else {
    for (std::size_t i = 2; i < arguments.words.size(); ++i) {
      constexpr int repeats = 3;
      plan.operations.clear();
      plan.actions.clear();
      const std::int64_t elements = std::stoll(arguments.words[i]);
      for (int j = 0; j < repeats; ++j) plan.wait(plan.start(true, elements));
      const double seconds = run(plan, costs, process, ranks, all, buffer) / repeats;
      if (process == 0) std::printf("%d,%lld,%.9f\n", all, static_cast<long long>(4 * elements), seconds);
    }
  }
  MPI_Finalize();
  return 0;
}
