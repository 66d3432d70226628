// Programs that run on several ranks: processes of this and other machines, started by mpirun or srun.
#pragma once

#include <functional>
#include <memory>
#include <xtape/xtape.hpp>

namespace xtape {

/// The number of processes that mpirun or srun has started together with this one, as the environment says; 0 if this
/// one was started alone.
int launched_ranks();

/// Starts the program again, with the same arguments, as `ranks` processes of this machine by mpirun, and returns its
/// exit status. SIGINT (Ctrl-C), SIGTERM, SIGHUP (a closed terminal) and SIGUSR1 reach all processes as SIGINT or
/// SIGTERM, so that they can save and end, also when this process is killed; a second one ends them at once, and a
/// third one also an mpirun that does not end. One that runs 20 seconds longer than its ranks is killed, because that
/// of Open MPI 4.1 can wait for ever; the status is 2 then. After a signal the exit status is 130 or 143, or 2 when a
/// process failed. Signals that are ignored are not passed on. A process that is killed is reported. The standard input
/// is not read. Error if mpirun is not installed.
int start_ranks(int ranks, char** argv);

/// Calls body with the communicator of this process, null if it was started alone, and returns what body returns. The
/// first rank alone prints. Each rank uses its share of the processors of its machine, unless XTAPE_NUM_THREADS is set.
/// If a rank throws, all end with its message. mpirun does not pass on SIGTERM and SIGINT. Therefore SIGUSR1, which it
/// passes on, has the effect of SIGTERM, and SIGUSR2, which that of Open MPI passes on, that of SIGINT. Error if MPI
/// does not see the processes that were started.
int run_on_ranks(const std::function<int(const std::shared_ptr<Communicator>&)>& body,
                 const CommunicatorOptions& options = {});

/// How progress is shown: on ranks as on the terminal in which start_ranks runs, if there is one. The standard output
/// of a rank does not show it, because mpirun may read it through a separate terminal.
ProgressOutput progress_output(const std::shared_ptr<Communicator>& ranks);

/// The text of the first rank on all ranks; the text itself without ranks.
std::string first_of(const std::shared_ptr<Communicator>& ranks, const std::string& text);

}  // namespace xtape
