#include "framework/io/hdf5_file.hpp"

#include <charconv>
#include <mutex>

#include "framework/io/file_format.hpp"
#include "framework/io/helper_process.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {
namespace {

using Texts = std::vector<std::string>;

}  // namespace

struct Hdf5File::State {
  State(std::string_view caller, const std::filesystem::path& where)
      : function(caller), path(where.string()), size(input_file_size(caller, where)), helper(function, hdf5_helper) {
    check_neither_empty_nor_zip(caller, "an HDF5 file", InputFile(caller, where), path);
    ask({"open", function, path, std::to_string(size)});
  }

  /// Sends a request to the helper and returns its reply. `bytes` bytes that follow the reply are stored in `elements`.
  /// Throws the Error that the helper reports.
  Texts ask(const Texts& question, void* elements = nullptr, std::size_t bytes = 0) {
    check(helper.own(), "{}: expected a file that was opened in this process, got {}, opened before it was forked; {}",
          function, path, "open it again");
    const std::lock_guard lock(mutex);
    auto answer = helper.ask(question);
    if (!answer || !helper.receive_bytes(elements, bytes)) fault();
    return std::move(*answer);
  }

  [[noreturn]] void fault() {
    if (how.empty()) how = helper.end();
    fail("{}: expected an undamaged HDF5 file, got one that the HDF5 library fails to read ({}): {}", function, how,
         path);
  }

  std::string function, path, how;
  std::int64_t size;
  std::mutex mutex;
  HelperProcess helper;
};

Hdf5File::Hdf5File(std::string_view function, const std::filesystem::path& path)
    : state_(std::make_shared<State>(function, path)) {}

bool Hdf5File::contains(const std::string& object) const { return !state_->ask({"contains", object}).empty(); }

std::vector<std::string> Hdf5File::dataset_names() const { return state_->ask({"dataset_names"}); }

StoredTensor Hdf5File::dataset(const std::string& name) const {
  const Texts answer = state_->ask({"dataset", name});  // type, error message or "", number of the DType, extents
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 2; i < answer.size(); ++i) {
    std::from_chars(answer[i].data(), answer[i].data() + answer[i].size(), numbers.emplace_back(-1));
  }
  const auto fail_reading = [this] {
    const std::lock_guard lock(state_->mutex);
    state_->fault();
  };
  if (numbers.empty()) fail_reading();
  const std::string &type = answer[0], &why = answer[1];
  const auto dtype = static_cast<DType>(numbers[0]);
  const Shape shape(std::vector(numbers.begin() + 1, numbers.end()));
  if (!why.empty()) return {name, std::nullopt, type, shape, [why]() -> Tensor { throw Error(why); }};
  if (numbers[0] < 0 || numbers[0] > static_cast<int>(DType::uint8)) fail_reading();
  return {name, dtype, type, shape, [state = state_, name, dtype, shape] {
            state->ask({"check", name});  // before memory is allocated for elements that the file may not have
            Tensor result = Tensor::empty(shape, dtype);
            const auto bytes = static_cast<std::size_t>(result.size_in_bytes());
            with_type(dtype, [&](auto zero) {
              state->ask({"read", name, std::to_string(bytes)}, result.mutable_data<decltype(zero)>(), bytes);
            });
            return result;
          }};
}

std::optional<std::vector<std::string>> Hdf5File::strings(const std::string& object, const std::string& name) const {
  Texts texts = state_->ask({"strings", object, name});
  if (texts.empty()) return std::nullopt;
  texts.erase(texts.begin());
  return texts;
}

}  // namespace xtape
