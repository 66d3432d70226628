#include "framework/io/helpers/hdf5_dataset.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "framework/amount.hpp"

namespace xtape::hdf5 {
namespace {

const char* class_name(H5T_class_t kind) {
  switch (kind) {
    case H5T_INTEGER: return "integers";
    case H5T_FLOAT: return "floating numbers";
    case H5T_STRING: return "strings";
    case H5T_COMPOUND: return "structures";
    case H5T_ENUM: return "enumerated values";
    default: return "elements";
  }
}

/// Whether this is the type that h5py writes for bool: an enumeration of bytes, FALSE = 0 and TRUE = 1.
bool is_bool(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  signed char no = -1, yes = -1;
  return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 && yes == 1;
}

}  // namespace

hid_t memory_type(DType dtype) {
  switch (dtype) {
    case DType::float32: return H5T_NATIVE_FLOAT;
    case DType::float64: return H5T_NATIVE_DOUBLE;
    case DType::int64: return H5T_NATIVE_INT64;
    case DType::uint8: return H5T_NATIVE_UINT8;
  }
  return H5I_INVALID_HID;
}

Dataset::Dataset(std::string path, std::int64_t file_size, hid_t file, std::string name)
    : path_(std::move(path)),
      name_(std::move(name)),
      file_size_(file_size),
      dataset_(open_object(file, name_)),
      fault_(opening_fault()),
      type_(fault_.empty() ? H5Dget_type(dataset_) : H5I_INVALID_HID, H5Tclose) {
  if (!fault_.empty()) return;
  try {
    check(type_.valid(), "load_hdf5: expected elements of a known type in \"{}\" of {}, got: {}", name_, path_,
          reason());
    dtype_ = read_type();
    shape_ = read_shape();
    check(dtype_.has_value(),
          "load_hdf5: expected integers, floating numbers of at most 64 bits or booleans in \"{}\" of {}, got {}",
          name_, path_, element_type());
  } catch (const Error& error) {
    fault_ = error.what();
  }
}

/// Why the data set could not be opened, or "". Called directly after opening, because other HDF5 functions overwrite
/// the reason.
std::string Dataset::opening_fault() const {
  if (!dataset_.valid()) {
    return fmt::format("load_hdf5: expected a data set \"{}\" in {}, got: {}", name_, path_, reason());
  }
  if (H5Iget_type(dataset_) == H5I_DATASET) return "";
  return fmt::format("load_hdf5: expected a data set \"{}\" in {}, got not a dataset but a group", name_, path_);
}

std::size_t Dataset::bytes() const {
  return static_cast<std::size_t>(shape_->size()) * with_type(*dtype_, [](auto zero) { return sizeof zero; });
}

std::string Dataset::stored_type() const {
  if (!dataset_.valid()) return "nothing";
  if (H5Iget_type(dataset_) != H5I_DATASET) return "a group";
  if (!type_.valid()) return "elements of an unknown type";
  return element_type() + (shape_ ? "" : " in a shape that no tensor has");
}

std::string Dataset::element_type() const {
  if (!dtype_) return fmt::format("{} of {}", class_name(H5Tget_class(type_)), amount(H5Tget_size(type_), "byte"));
  if (is_bool(type_)) return "bool";
  const bool floating = H5Tget_class(type_) == H5T_FLOAT;
  const char* kind = floating ? "float" : H5Tget_sign(type_) == H5T_SGN_NONE ? "uint" : "int";
  return fmt::format("{}{}", kind, 8 * H5Tget_size(type_));
}

void Dataset::read(void* elements) const {
  if (shape_->size() == 0) return;
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  const auto refuse_overflow = [](H5T_conv_except_t kind, hid_t, hid_t, void*, void*, void*) {
    return kind == H5T_CONV_EXCEPT_RANGE_HI ? H5T_CONV_ABORT : H5T_CONV_UNHANDLED;
  };
  if (dtype_ == DType::int64) H5Pset_type_conv_cb(transfer, refuse_overflow, nullptr);
  const hid_t type =
      is_bool(type_) ? static_cast<hid_t>(type_) : memory_type(*dtype_);  // HDF5 does not convert enums to integers
  if (H5Dread(dataset_, type, H5S_ALL, H5S_ALL, transfer, elements) >= 0) return;
  const std::string why = reason(), filter = missing_filter();
  check(filter.empty(),
        "load_hdf5: expected data in \"{}\" of {} that HDF5 can unpack, got the filter {}, which is not installed; "
        "write the file anew with gzip or without compression",
        name_, path_, filter);
  fail("load_hdf5: expected to read \"{}\" of {} as {}, got: {}", name_, path_, *dtype_, why);
}

/// The first filter of the data that this HDF5 library lacks, such as "lzf (32000)"; empty if it has all.
std::string Dataset::missing_filter() const {
  const Handle creation(H5Dget_create_plist(dataset_), H5Pclose);
  const int count = H5Pget_layout(creation) == H5D_CHUNKED ? H5Pget_nfilters(creation) : 0;
  for (int i = 0; i < count; ++i) {
    std::array<char, 64> name{};
    std::size_t values = 0;
    const H5Z_filter_t id = H5Pget_filter2(creation, static_cast<unsigned>(i), nullptr, &values, nullptr,
                                           name.size() - 1, name.data(), nullptr);
    if (id >= 0 && H5Zfilter_avail(id) <= 0) return fmt::format("{} ({})", name[0] ? name.data() : "number", id);
  }
  return "";
}

Shape Dataset::read_shape() const {
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
    fail_as(error, "load_hdf5: expected the shape of \"{}\" of {}, got: {}", name_, path_, error.what());
  }
}

std::optional<DType> Dataset::read_type() const {
  const H5T_class_t kind = H5Tget_class(type_);
  const std::size_t bytes = H5Tget_size(type_);
  if (is_bool(type_)) return DType::uint8;
  if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || bytes < 1 || bytes > 8) return std::nullopt;
  if (kind == H5T_FLOAT) return bytes <= 4 ? DType::float32 : DType::float64;
  return bytes == 1 && H5Tget_sign(type_) == H5T_SGN_NONE ? DType::uint8 : DType::int64;
}

/// Checks that the file can hold as many elements as the shape says. Compressed data may be smaller by a factor of
/// 1032, the limit of deflate. Up to 1 MiB may be missing: HDF5 allows arrays without stored elements, which read as
/// their fill value.
void Dataset::check_readable() const {
  check(fault_.empty(), "{}", fault_);
  constexpr std::int64_t slack = std::int64_t{1} << 20;
  const Handle creation(H5Dget_create_plist(dataset_), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation);
  check(layout >= 0 && layout <= H5D_CHUNKED && H5Pget_external_count(creation) == 0,
        "load_hdf5: expected the elements of \"{}\" inside {}, got a data set that refers to other files", name_,
        path_);
  const bool packed = layout == H5D_CHUNKED && H5Pget_nfilters(creation) > 0;
  const auto stored = static_cast<std::int64_t>(
      std::min(static_cast<std::uint64_t>(H5Dget_storage_size(dataset_)), static_cast<std::uint64_t>(file_size_)));
  const std::int64_t most_bytes = stored * (packed ? 1032 : 1) + slack;
  const auto width = static_cast<std::int64_t>(H5Tget_size(type_));
  check(shape_->size() <= most_bytes / width,
        "load_hdf5: expected {} of {} in \"{}\" of {} for shape {}, got {}{} in the file; it is "
        "cut short or was never filled",
        amount(shape_->size(), "element"), amount(width, "byte"), name_, path_, *shape_, amount(stored, "byte"),
        packed ? " of compressed data" : "");
  if (layout == H5D_CHUNKED) check_chunks(creation, most_bytes, stored);
}

/// Checks the size of chunks, because HDF5 allocates memory for a whole chunk, which may be larger than the array.
void Dataset::check_chunks(hid_t creation, std::int64_t most_bytes, std::int64_t stored) const {
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  const int rank = H5Pget_chunk(creation, H5S_MAX_RANK, chunk.data());
  auto bytes = static_cast<double>(H5Tget_size(type_));
  for (int axis = 0; axis < rank; ++axis) bytes *= static_cast<double>(chunk[static_cast<std::size_t>(axis)]);
  check(bytes <= static_cast<double>(most_bytes) || stored == 0,
        "load_hdf5: expected chunks of \"{}\" of {} that fit into the file, got {} bytes per chunk and {} in the file",
        name_, path_, bytes, stored);
}

}  // namespace xtape::hdf5
