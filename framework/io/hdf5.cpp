#include "framework/io/hdf5.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "framework/io/atomic_file.hpp"
#include "framework/io/hdf5_handle.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {
namespace {

using hdf5::Handle;
using hdf5::reason;
using hdf5::Session;

Handle open_file(const char* function, const std::filesystem::path& path) {
  input_file_size(function, path);
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  check(file.valid(), "{}: expected an HDF5 file, got {}: {}", function, path.string(), reason());
  return file;
}

std::vector<std::string> dataset_names(const std::filesystem::path& path, hid_t file) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const auto* info, void* target) -> herr_t {
    if (info->type == H5O_TYPE_DATASET) static_cast<std::vector<std::string>*>(target)->emplace_back(name);
    return 0;
  };
  const herr_t status = H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, collect, &names, H5O_INFO_BASIC);
  check(status >= 0, "hdf5_dataset_names: expected to list {}, got: {}", path.string(), reason());
  std::ranges::sort(names);
  return names;
}

/// "a", "b", "c" and 17 more.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), most));
  const std::string more = names.size() > most ? fmt::format(" and {} more", names.size() - most) : "";
  return names.empty() ? "none"
                       : fmt::format("\"{}\"{}", fmt::join(names.begin(), names.begin() + shown, "\", \""), more);
}

/// One data set of an open file, checked before its elements are read.
class DatasetReader {
 public:
  DatasetReader(const std::filesystem::path& path, const std::string& name)
      : path_(path.string()),
        name_(name),
        file_size_(input_file_size("load_hdf5", path)),
        file_(open_file("load_hdf5", path)),
        dataset_(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose) {
    if (!dataset_.valid()) {
      const std::string why = reason();
      fail("load_hdf5: expected a data set \"{}\" in {}, got: {}; the file has {}", name_, path_, why,
           listed(dataset_names(path, file_)));
    }
  }

  Tensor read() const {
    const Shape extents = shape();
    const Handle type(H5Dget_type(dataset_), H5Tclose);
    const DType dtype = element_type(type);
    check_storage(extents, type);
    Tensor result = Tensor::empty(extents, dtype);
    if (result.size() == 0) return result;
    const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
    const auto refuse_overflow = [](H5T_conv_except_t kind, hid_t, hid_t, void*, void*, void*) {
      return kind == H5T_CONV_EXCEPT_RANGE_HI ? H5T_CONV_ABORT : H5T_CONV_UNHANDLED;
    };
    if (dtype == DType::int64) H5Pset_type_conv_cb(transfer, refuse_overflow, nullptr);
    const herr_t status = with_type(dtype, [&](auto zero) {
      return H5Dread(dataset_, memory_type(dtype), H5S_ALL, H5S_ALL, transfer, result.mutable_data<decltype(zero)>());
    });
    check(status >= 0, "load_hdf5: expected to read \"{}\" of {} as {}, got: {}", name_, path_, dtype, reason());
    return result;
  }

  static hid_t memory_type(DType dtype) {
    switch (dtype) {
      case DType::float32: return H5T_NATIVE_FLOAT;
      case DType::float64: return H5T_NATIVE_DOUBLE;
      case DType::int64: return H5T_NATIVE_INT64;
      case DType::uint8: return H5T_NATIVE_UINT8;
    }
    return H5I_INVALID_HID;
  }

 private:
  Shape shape() const {
    const Handle space(H5Dget_space(dataset_), H5Sclose);
    check(space.valid() && H5Sget_simple_extent_type(space) != H5S_NULL,
          "load_hdf5: expected \"{}\" of {} to be an array, got an empty data space", name_, path_);
    const int rank = H5Sget_simple_extent_ndims(space);
    check(rank >= 0 && rank <= Shape::max_rank, "load_hdf5: expected at most {} axes in \"{}\" of {}, got {}",
          Shape::max_rank, name_, path_, rank);
    std::array<hsize_t, Shape::max_rank> extents{};
    H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    try {
      return Shape(std::vector<std::int64_t>(extents.begin(), extents.begin() + rank));
    } catch (const Error& error) {
      fail("load_hdf5: expected the shape of \"{}\" of {}, got: {}", name_, path_, error.what());
    }
  }

  DType element_type(hid_t type) const {
    const H5T_class_t kind = H5Tget_class(type);
    const std::size_t bytes = H5Tget_size(type);
    check((kind == H5T_INTEGER || kind == H5T_FLOAT) && bytes <= 8,
          "load_hdf5: expected integers or floating numbers of at most 64 bits in \"{}\" of {}, got {} of {} bytes",
          name_, path_, class_name(kind), bytes);
    if (kind == H5T_FLOAT) return bytes <= 4 ? DType::float32 : DType::float64;
    return bytes == 1 && H5Tget_sign(type) == H5T_SGN_NONE ? DType::uint8 : DType::int64;
  }

  static const char* class_name(H5T_class_t kind) {
    switch (kind) {
      case H5T_INTEGER: return "integers";
      case H5T_FLOAT: return "floating numbers";
      case H5T_STRING: return "strings";
      case H5T_COMPOUND: return "structures";
      case H5T_ENUM: return "enumerated values";
      default: return "elements";
    }
  }

  /// Whether the file can hold as many bytes as the shape promises: compressed data may be 1032 times smaller,
  /// deflate's limit; a small array may be missing altogether, as HDF5 allows, and reads as its fill value.
  void check_storage(const Shape& extents, hid_t type) const {
    constexpr std::int64_t slack = std::int64_t{1} << 20;
    const Handle creation(H5Dget_create_plist(dataset_), H5Pclose);
    const H5D_layout_t layout = H5Pget_layout(creation);
    check(layout >= 0 && layout <= H5D_CHUNKED && H5Pget_external_count(creation) == 0,
          "load_hdf5: expected the elements of \"{}\" inside {}, got a data set that refers to other files", name_,
          path_);
    const bool packed = layout == H5D_CHUNKED && H5Pget_nfilters(creation) > 0;
    const auto stored = std::min(static_cast<std::int64_t>(H5Dget_storage_size(dataset_)), file_size_);
    const std::int64_t room = stored * (packed ? 1032 : 1) + slack;
    const auto width = static_cast<std::int64_t>(H5Tget_size(type));
    check(extents.size() <= room / width,
          "load_hdf5: expected {} elements of {} bytes in \"{}\" of {} for shape {}, got {} bytes{} in the file; it is "
          "cut "
          "short or was never filled",
          extents.size(), width, name_, path_, extents, stored, packed ? " of compressed data" : "");
    if (layout != H5D_CHUNKED) return;
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    const int rank = H5Pget_chunk(creation, H5S_MAX_RANK, chunk.data());
    double chunk_bytes = static_cast<double>(width);
    for (int axis = 0; axis < rank; ++axis) chunk_bytes *= static_cast<double>(chunk[static_cast<std::size_t>(axis)]);
    check(chunk_bytes <= static_cast<double>(room) || stored == 0,
          "load_hdf5: expected chunks of \"{}\" of {} that fit into the file, got {} bytes a chunk and {} in the file",
          name_, path_, chunk_bytes, stored);
  }

  std::string path_, name_;
  std::int64_t file_size_;
  Handle file_, dataset_;
};

void write_dataset(const std::filesystem::path& path, hid_t file, const NamedTensor& entry) {
  const auto& [name, tensor] = entry;
  check(tensor.defined(), "save_hdf5: expected arrays, got an undefined tensor \"{}\" for {}", name, path.string());
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);  // the same content gives the same bytes
  const std::vector<hsize_t> extents(tensor.shape().begin(), tensor.shape().end());
  const Handle space(H5Screate_simple(tensor.rank(), extents.data(), nullptr), H5Sclose);
  const hid_t type = DatasetReader::memory_type(tensor.dtype());
  const Handle dataset(H5Dcreate2(file, name.c_str(), type, space, links, creation, H5P_DEFAULT), H5Dclose);
  check(dataset.valid(), "save_hdf5: expected different names of data sets for {}, got \"{}\": {}", path.string(), name,
        reason());
  const herr_t status = with_type(tensor.dtype(), [&, &values = tensor](auto zero) {
    return H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.template data<decltype(zero)>());
  });
  check(status >= 0, "save_hdf5: expected to write \"{}\" of {}, got: {}", name, path.string(), reason());
}

/// The bytes of an HDF5 file with the tensors. Made in memory, because HDF5 does not recover from a disk that is full.
std::vector<char> file_image(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  std::size_t bytes = std::size_t{1} << 16;
  for (const NamedTensor& entry : tensors) bytes += static_cast<std::size_t>(entry.tensor.size_in_bytes());
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, bytes, false);
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
  check(file.valid(), "save_hdf5: expected to make {} in memory, got: {}", path.string(), reason());
  for (const NamedTensor& entry : tensors) write_dataset(path, file, entry);
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  check(size > 0, "save_hdf5: expected to make {} in memory, got: {}", path.string(), reason());
  std::vector<char> image(static_cast<std::size_t>(size));
  H5Fget_file_image(file, image.data(), image.size());
  return image;
}

}  // namespace

Tensor load_hdf5(const std::filesystem::path& path, const std::string& name) {
  const Session session;
  return DatasetReader(path, name).read();
}

std::vector<std::string> hdf5_dataset_names(const std::filesystem::path& path) {
  const Session session;
  return dataset_names(path, open_file("hdf5_dataset_names", path));
}

void save_hdf5(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  const Session session;
  const std::vector<char> image = file_image(path, tensors);
  write_atomically(path,
                   [&](std::ostream& out) { out.write(image.data(), static_cast<std::streamsize>(image.size())); });
}

}  // namespace xtape
