// EventFile: a file that TensorBoard shows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "models/graph/model.hpp"

namespace xtape {

/// A new file of events in a folder, for TensorBoard: the records of TFRecord files with TensorFlow's Event messages.
/// Every event is in the file when the function returns, so TensorBoard may read it at any time. The values have the
/// form that tf.summary gives them. TensorBoard shows each folder below --logdir as a run, with the events of all files
/// in it, and compares values of one tag. The callback TensorBoard writes such files during fit(); in other loops use
/// this class:
///
///   EventFile log("logs/run-1");
///   log.scalar("loss", loss.item(), step);
///
/// The functions throw an Error with the path when the file cannot be written, and for a tag that is empty, not valid
/// UTF-8, or has control characters; the file then has the events before. The constructor throws an Error in a build
/// without protobuf.
class EventFile {
 public:
  /// Creates the folder, if it does not exist, and a file events.out.tfevents.TIME.HOST.PROCESS.NUMBER.v2 in it.
  explicit EventFile(const std::filesystem::path& folder);
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  ~EventFile();

  /// Adds a number at a step of the curve `tag`. It is stored as float32.
  void scalar(const std::string& tag, double value, std::int64_t step);
  /// Adds the distribution of all finite elements of a tensor, in 30 buckets of equal width.
  void histogram(const std::string& tag, const Tensor& values, std::int64_t step);
  /// Adds images (n, height, width, 1 or 3): floating with values from 0 to 1, beyond which they are clipped, or uint8.
  /// Error for other tensors, and in a build without libpng.
  void images(const std::string& tag, const Tensor& images, std::int64_t step);
  /// Adds the layer graph of a model: the calls of layers with their output shapes and numbers of parameters.
  void graph(const Model& model);

  /// The file.
  const std::filesystem::path& path() const { return path_; }

  /// Internal: adds a serialized event.
  void write(const std::string& event);

 private:
  std::filesystem::path path_;
  int file_ = -1;           // descriptor
  std::int64_t bytes_ = 0;  // of complete records
};

/// Internal: whether a folder has files of events.
bool has_event_files(const std::filesystem::path& folder);

}  // namespace xtape
