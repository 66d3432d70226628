// The helper program xtape-hdf5: reads or creates one HDF5 file for an xtape process. HDF5 1.10 overwrites memory when
// it reads certain damaged files; such a crash ends only this process.
#include <charconv>
#include <new>
#include <optional>

#include "framework/error.hpp"
#include "framework/io/helpers/hdf5_reader.hpp"
#include "framework/io/helpers/hdf5_writer.hpp"
#include "framework/io/helpers/serve.hpp"

namespace {

using namespace xtape;
using helpers::Answer;
using Texts = Channel::Texts;

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Handles the requests for the one file of this process.
class Session {
 public:
  Answer answer(Channel& channel, const Texts& question) {
    const std::string& function = question[0];
    try {
      if (function == "open") return open(question[1], question[2], number(question[3]));
      if (function == "create") return create(question[1], static_cast<std::size_t>(number(question[2])));
      check(reader_ || writer_, "xtape-hdf5: expected the request \"open\" or \"create\" first, got \"{}\"", function);
      return reader_ ? read(question) : write(channel, question);
    } catch (const std::bad_alloc&) {
      fail("{}: expected enough memory for {}, got too little", caller_, path_);
    }
  }

 private:
  Answer open(const std::string& caller, const std::string& path, std::int64_t size) {
    caller_ = caller;
    path_ = path;
    limits_.allow(0);
    reader_.emplace(caller, path, size);
    return {};
  }

  Answer read(const Texts& question) {
    const std::string& function = question[0];
    if (function == "contains") return {.texts = reader_->contains(question[1]) ? Texts{"yes"} : Texts{}};
    if (function == "dataset_names") return {.texts = reader_->dataset_names()};
    if (function == "strings") {
      auto values = reader_->strings(question[1], question[2]);
      if (!values) return {};
      values->insert(values->begin(), "there");
      return {.texts = std::move(*values)};
    }
    const hdf5::Dataset dataset = reader_->dataset(question[1]);
    Answer result;
    if (function == "check") {
      dataset.check_readable();
    } else if (function == "read") {
      dataset.check_readable();
      check(std::to_string(dataset.bytes()) == question[2], "load_hdf5: expected {} bytes of \"{}\", got {} now",
            question[2], question[1], dataset.bytes());  // another process is writing to the file
      limits_.allow(dataset.bytes());
      result.bytes.resize(dataset.bytes());
      dataset.read(result.bytes.data());
    } else {
      result.texts = {dataset.stored_type(), dataset.fault(),
                      dataset.dtype() ? std::to_string(static_cast<int>(*dataset.dtype())) : ""};
      for (const std::int64_t extent : dataset.shape()) result.texts.push_back(std::to_string(extent));
    }
    return result;
  }

  Answer create(const std::string& path, std::size_t bytes) {
    caller_ = "save_hdf5";
    path_ = path;
    writer_.emplace(path, bytes);
    return {};
  }

  Answer write(Channel& channel, const Texts& question) {
    const std::string& function = question[0];
    if (function == "attribute") {
      writer_->write_attribute(question[1], question[2], question[3] == "array",
                               {question.begin() + 4, question.end()});
    } else if (function == "dataset") {
      const auto dtype = static_cast<DType>(number(question[2]));
      std::vector<std::int64_t> extents;
      for (std::size_t i = 3; i < question.size(); ++i) extents.push_back(number(question[i]));
      const Shape shape(extents);
      std::string elements(static_cast<std::size_t>(shape.size()) * size_of(dtype), '\0');
      if (channel.receive_bytes(elements.data(), elements.size())) {
        writer_->write_dataset(question[1], dtype, shape, elements.data());
      }
    } else {
      Answer result{.bytes = writer_->image()};
      result.texts = {std::to_string(result.bytes.size())};
      return result;
    }
    return {};
  }

  static std::size_t size_of(DType dtype) {
    return with_type(dtype, [](auto zero) { return sizeof zero; });
  }

  helpers::ProcessLimits limits_;
  std::string caller_, path_;
  std::optional<hdf5::Reader> reader_;
  std::optional<hdf5::Writer> writer_;
};

}  // namespace

int main() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // do not print errors; reason() returns them
  Session session;
  helpers::serve([&](Channel& channel, const Texts& question) { return session.answer(channel, question); });
}
