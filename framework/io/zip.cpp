#include "framework/io/zip.hpp"

#include <zip.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "framework/error.hpp"
#include "framework/io/file_format.hpp"

namespace xtape {
namespace {

/// The largest factor of deflate, and what the headers of an entry may hold besides.
constexpr zip_uint64_t largest_factor = 1032, slack = 4096;

/// The text of an error number of libzip.
std::string error_text(int number) {
  zip_error_t error;
  zip_error_init_with_code(&error, number);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

/// An archive in memory, which libzip completes when it is closed.
class Writer {
 public:
  explicit Writer(std::string_view function) : function_(function) {
    require(source_ != nullptr);
    archive_ = zip_open_from_source(source_, ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    require(archive_ != nullptr);
    zip_source_keep(source_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (archive_) zip_discard(archive_);
    zip_source_free(source_);
  }

  void add(const ZipEntry& entry) {
    zip_source_t* content = zip_source_buffer(archive_, entry.bytes.data(), entry.bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive_, entry.name.c_str(), content, ZIP_FL_ENC_UTF_8);
    if (index < 0) zip_source_free(content);
    require(index >= 0);
    const auto number = static_cast<zip_uint64_t>(index);
    require(zip_set_file_compression(archive_, number, ZIP_CM_STORE, 0) == 0);
    constexpr zip_uint16_t january_1980 = (1 << 5) | 1;  // the earliest date of the format
    require(zip_file_set_dostime(archive_, number, 0, january_1980, 0) == 0);
  }

  void copy_to(std::ostream& out) {
    const bool closed = zip_close(archive_) == 0;
    if (closed) archive_ = nullptr;  // it is freed
    require(closed);
    require(zip_source_open(source_) == 0);
    std::string piece(std::size_t{1} << 20, '\0');
    zip_int64_t count = 0;
    while ((count = zip_source_read(source_, piece.data(), piece.size())) > 0) out.write(piece.data(), count);
    zip_source_close(source_);
    require(count == 0);
  }

 private:
  void require(bool done) const {
    check(done, "{}: expected libzip to make a zip archive in memory, got: {}", function_,
          archive_ ? zip_strerror(archive_) : "no archive");
  }

  std::string function_;
  zip_source_t* source_ = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_t* archive_ = nullptr;
};

}  // namespace

struct ZipFile::Archive {
  std::string function, path;
  std::int64_t file_size;
  std::unique_ptr<zip_t, decltype(&zip_discard)> zip;
  mutable std::mutex mutex;  // libzip's archives are not for several threads

  template <class... Args>
  void require(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition) fail("{}: {}: {}", function, path, fmt::format(format, std::forward<Args>(args)...));
  }

  /// The number of an entry, and its size, which the file is large enough for.
  std::pair<zip_uint64_t, std::size_t> find(const std::string& name) const {
    const zip_int64_t index = zip_name_locate(zip.get(), name.c_str(), 0);
    require(index >= 0, "expected an entry \"{}\", got none", name);
    zip_stat_t stat;
    zip_stat_init(&stat);
    require(
        zip_stat_index(zip.get(), static_cast<zip_uint64_t>(index), 0, &stat) == 0 && (stat.valid & ZIP_STAT_SIZE) != 0,
        "expected an entry \"{}\" of known size, got: {}", name, zip_strerror(zip.get()));
    require(stat.size / largest_factor <= static_cast<zip_uint64_t>(file_size) + slack,
            "expected an entry \"{}\" that fits into the file, got {} bytes in a file of {}", name, stat.size,
            file_size);
    return {static_cast<zip_uint64_t>(index), static_cast<std::size_t>(stat.size)};
  }
};

ZipFile::ZipFile(std::string_view function, const std::filesystem::path& path) {
  const InputFile opened(function, path);
  check(is_zip(opened), "{}: expected a zip archive, got a file of another format: {}", function, path.string());
  int number = 0;
  zip_t* zip = zip_open(path.c_str(), ZIP_RDONLY, &number);
  check(zip != nullptr, "{}: expected an undamaged zip archive, got: {}: {}", function, error_text(number),
        path.string());
  archive_.reset(new Archive{std::string(function), path.string(), opened.size(), {zip, zip_discard}, {}});
}

ZipFile::~ZipFile() = default;

std::vector<std::string> ZipFile::names() const {
  const std::lock_guard lock(archive_->mutex);
  const zip_int64_t count = zip_get_num_entries(archive_->zip.get(), 0);
  archive_->require(count <= 100'000, "expected at most 100,000 entries, got {}", count);
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* const name = zip_get_name(archive_->zip.get(), static_cast<zip_uint64_t>(i), 0);
    archive_->require(name != nullptr && seen.insert(name).second,
                      "expected entries with different names, got a name twice or none");
    names.emplace_back(name);
  }
  return names;
}

std::int64_t ZipFile::size(const std::string& name) const {
  const std::lock_guard lock(archive_->mutex);
  return static_cast<std::int64_t>(archive_->find(name).second);
}

std::string ZipFile::read(const std::string& name) const {
  const Archive& archive = *archive_;
  const std::lock_guard lock(archive.mutex);
  const auto [index, size] = archive.find(name);
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> entry(zip_fopen_index(archive.zip.get(), index, 0),
                                                                 zip_fclose);
  archive.require(entry != nullptr, "expected to read the entry \"{}\", got: {}", name,
                  zip_strerror(archive.zip.get()));
  std::string bytes(size, '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const zip_int64_t count = zip_fread(entry.get(), bytes.data() + done, bytes.size() - done);
    archive.require(count > 0, "expected {} undamaged bytes in the entry \"{}\", got {}: {}", bytes.size(), name, done,
                    zip_file_strerror(entry.get()));
    done += static_cast<std::size_t>(count);
  }
  char beyond = 0;                                             // reading the end compares the checksum
  const bool right = zip_fread(entry.get(), &beyond, 1) == 0;  // before the text of its error is asked for
  archive.require(right, "expected the checksum of the entry \"{}\", got: {}", name, zip_file_strerror(entry.get()));
  return bytes;
}

void write_zip(std::string_view function, std::ostream& out, const std::vector<ZipEntry>& entries) {
  Writer writer(function);
  for (const ZipEntry& entry : entries) writer.add(entry);
  writer.copy_to(out);
}

}  // namespace xtape
