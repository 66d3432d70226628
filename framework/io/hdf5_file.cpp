#include "framework/io/hdf5_file.hpp"

#include <algorithm>
#include <charconv>

#include "framework/io/child_process.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/hdf5_reader.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {
namespace {

using Texts = std::vector<std::string>;

/// In the place of a type's number, for elements of a type that is not read.
constexpr const char* not_read = "100";

/// What the child says to a question: texts, and the elements of a data set.
struct Answer {
  Texts texts;
  std::string elements;
};

/// A question is a function's name and its arguments.
Answer answer(const hdf5::Reader& reader, const Texts& question, ProcessLimits& limits) {
  const std::string& function = question[0];
  if (function == "contains") return {reader.contains(question[1]) ? Texts{"yes"} : Texts{}, {}};
  if (function == "dataset_names") return {reader.dataset_names(), {}};
  if (function == "strings") {
    auto values = reader.strings(question[1], question[2]);
    if (!values) return {};
    values->insert(values->begin(), "there");
    return {std::move(*values), {}};
  }
  const hdf5::Dataset dataset = reader.dataset(question[1]);
  Answer result;
  if (function == "read") {
    check(std::to_string(dataset.bytes()) == question[2], "load_hdf5: expected {} bytes of \"{}\", got {} now",
          question[2], question[1], dataset.bytes());  // somebody writes to the file
    limits.allow(dataset.bytes());
    result.elements.resize(dataset.bytes());
    dataset.read(result.elements.data());
  } else {
    for (const std::int64_t extent : dataset.shape()) result.texts.push_back(std::to_string(extent));
    result.texts.push_back(dataset.dtype() ? std::to_string(static_cast<int>(*dataset.dtype())) : not_read);
    result.texts.push_back(dataset.stored_type());
  }
  return result;
}

/// The child's work: opens the file and answers questions. An answer begins with the message of an Error or "".
void serve(Channel& channel, ProcessLimits& limits, std::string_view function, const std::string& path,
           std::int64_t size) {
  limits.allow(0);
  const auto reply = [&](const auto& work) {
    std::string error;
    Answer result;
    try {
      result = work();
    } catch (const Error& known) {
      error = known.what();
    } catch (const std::bad_alloc&) {
      error = fmt::format("{}: expected enough memory to read {}, got too little", function, path);
    }
    result.texts.insert(result.texts.begin(), error);
    channel.send(result.texts) && channel.send_bytes(result.elements.data(), result.elements.size());
  };
  std::optional<hdf5::Reader> reader;
  reply([&] {
    reader.emplace(function, path, size);
    return Answer{};
  });
  for (Texts question; reader && channel.receive(question);) {
    reply([&] { return answer(*reader, question, limits); });
  }
}

}  // namespace

struct Hdf5File::State {
  State(std::string_view caller, const std::filesystem::path& where)
      : function(caller), path(where.string()), size(input_file_size(caller, where)) {
    check_no_zip(caller, "an HDF5 file", InputFile(caller, where), path);
    ProcessLimits limits;
    {
      const hdf5::Session session;  // nobody is in the midst of something in HDF5 when this process is copied
      child.emplace(function, [&](Channel& channel) { serve(channel, limits, function, path, size); });
    }
    take_answer();
  }

  /// Puts a question to the child. An answer may be followed by `bytes` bytes of elements. Throws the Error that it
  /// says.
  Texts ask(const Texts& question, void* elements = nullptr, std::size_t bytes = 0) {
    const std::lock_guard lock(mutex);
    if (!child || !child->channel().send(question)) fault();
    Texts texts = take_answer();
    if (!child->channel().receive_bytes(elements, bytes)) fault();
    return texts;
  }

  Texts take_answer() {
    Texts texts;
    if (!child->channel().receive(texts) || texts.empty()) fault();
    if (!texts[0].empty()) throw Error(texts[0]);
    texts.erase(texts.begin());
    return texts;
  }

  [[noreturn]] void fault() {
    if (child) how = child->end();
    child.reset();
    fail("{}: expected a sound HDF5 file, got one that HDF5's own library can't read without a fault ({}): {}",
         function, how, path);
  }

  std::string function, path, how;
  std::int64_t size;
  std::mutex mutex;
  std::optional<ChildProcess> child;
};

Hdf5File::Hdf5File(std::string_view function, const std::filesystem::path& path)
    : state_(std::make_shared<State>(function, path)) {}

bool Hdf5File::contains(const std::string& object) const { return !state_->ask({"contains", object}).empty(); }

std::vector<std::string> Hdf5File::dataset_names() const { return state_->ask({"dataset_names"}); }

StoredTensor Hdf5File::dataset(const std::string& name) const {
  std::vector<std::int64_t> numbers;
  Texts answer = state_->ask({"dataset", name});
  const std::string type = answer.empty() ? "" : answer.back();
  if (!answer.empty()) answer.pop_back();
  for (const std::string& text : answer) {
    std::from_chars(text.data(), text.data() + text.size(), numbers.emplace_back(-1));
  }
  const bool readable = answer.empty() || answer.back() != not_read;
  if (numbers.empty() || numbers.back() < 0 || (readable && numbers.back() > static_cast<int>(DType::uint8))) {
    const std::lock_guard lock(state_->mutex);
    state_->fault();
  }
  const auto dtype = static_cast<DType>(numbers.back());
  numbers.pop_back();
  const Shape shape(numbers);
  if (!readable) {
    return {
        name, std::nullopt, type, shape, [path = state_->path, name, type]() -> Tensor {
          fail("load_hdf5: expected integers, floating numbers of at most 64 bits or booleans in \"{}\" of {}, got {}",
               name, path, type);
        }};
  }
  return {name, dtype, type, shape, [state = state_, name, dtype, shape] {
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
