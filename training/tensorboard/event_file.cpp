#include "training/tensorboard/event_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "framework/io/crc32c.hpp"
#include "framework/io/with_place.hpp"
#include "training/tensorboard/events.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

constexpr const char* event_file_prefix = "events.out.tfevents.";

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

/// The bytes of an integer, the lowest first.
template <class Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
  return bytes;
}

/// The checksum in TFRecord files: rotated and shifted, because a CRC of data that contain their own CRC is not useful.
std::string masked_checksum(std::string_view bytes) {
  const std::uint32_t sum = crc32c(bytes);
  return little_endian((sum >> 15U | sum << 17U) + 0xA282EAD8U);
}

/// A record of a TFRecord file: length, checksum of the length, data, checksum of the data.
std::string record(const std::string& data) {
  const std::string length = little_endian(std::uint64_t{data.size()});
  return length + masked_checksum(length) + data + masked_checksum(data);
}

}  // namespace

EventFile::EventFile(const fs::path& folder) {
  const events::Moment moment = events::now(0);
  const std::string version = events::version(moment);
  check(!folder.empty(), "EventFile: expected a folder, got an empty path");
  check_path("EventFile", folder);
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, "EventFile: expected to be able to make the folder {}, got: {}", folder.string(), error.message());
  const std::string name = fmt::format("{}{:010}.{}.{}", event_file_prefix, static_cast<std::int64_t>(moment.wall_time),
                                       host_name(), getpid());
  for (int number = 0; file_ < 0; ++number) {  // TensorBoard reads files in the order of their names
    path_ = folder / fmt::format("{}.{}.v2", name, number);
    file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    check(file_ >= 0 || errno == EEXIST, "EventFile: expected to be able to create {}, got: {}", path_.string(),
          std::strerror(errno));
  }
  try {
    write(version);
  } catch (...) {
    close(file_);
    throw;
  }
}

EventFile::~EventFile() { close(file_); }

void EventFile::scalar(const std::string& tag, double value, std::int64_t step) {
  write(events::scalar(events::now(step), tag, value));
}

void EventFile::histogram(const std::string& tag, const Tensor& values, std::int64_t step) {
  write(events::histogram(events::now(step), tag, values));
}

void EventFile::images(const std::string& tag, const Tensor& images, std::int64_t step) {
  write(events::images(events::now(step), tag, images));
}

void EventFile::graph(const Model& model) { write(events::graph(events::now(0), model)); }

void EventFile::write(const std::string& event) {
  const std::string bytes = record(event);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(file_, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) {
      done += static_cast<std::size_t>(count);
      continue;
    }
    const std::string reason = count < 0 ? std::strerror(errno) : "no space";
    // A reader would not find the records behind an incomplete one.
    if (ftruncate(file_, bytes_) == 0) lseek(file_, bytes_, SEEK_SET);
    fail("EventFile: expected to be able to write {}, got: {}", path_.string(), reason);
  }
  bytes_ += static_cast<std::int64_t>(bytes.size());
}

bool has_event_files(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with(event_file_prefix)) return true;
  }
  return false;
}

}  // namespace xtape
