#include "framework/io/helpers/hdf5_writer.hpp"

#include <algorithm>

#include "framework/error.hpp"
#include "framework/io/hdf5.hpp"
#include "framework/io/helpers/hdf5_dataset.hpp"

namespace xtape::hdf5 {
namespace {

/// A property list that creates missing parent groups.
Handle with_parents() {
  Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  return links;
}

/// A property list for a file in memory that grows in steps of about `bytes` bytes.
Handle in_memory(std::size_t bytes) {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, bytes + (std::size_t{1} << 16), false);
  return access;
}

}  // namespace

Writer::Writer(std::string path, std::size_t bytes)
    : path_(std::move(path)),
      access_(in_memory(bytes)),
      file_(H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access_), H5Fclose) {
  check(file_.valid(), "save_hdf5: expected to make {} in memory, got: {}", path_, reason());
}

void Writer::write_dataset(const std::string& name, DType dtype, const Shape& shape, const void* elements) const {
  const Handle links = with_parents();
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);  // the same content gives the same bytes
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Handle space(H5Screate_simple(shape.rank(), extents.data(), nullptr), H5Sclose);
  const hid_t type = memory_type(dtype);
  const Handle dataset(H5Dcreate2(file_, name.c_str(), type, space, links, creation, H5P_DEFAULT), H5Dclose);
  check(dataset.valid(), "save_hdf5: expected different names of data sets for {}, got \"{}\": {}", path_, name,
        reason());
  check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, elements) >= 0,
        "save_hdf5: expected to write \"{}\" of {}, got: {}", name, path_, reason());
}

/// Opens the group of this name, or creates it if it does not exist.
Handle Writer::group(const std::string& name) const {
  Handle known = open_object(file_, name);
  if (known.valid()) return known;
  const Handle links = with_parents();
  const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  Handle made(H5Gcreate2(file_, name.c_str(), links, creation, H5P_DEFAULT), H5Gclose);
  check(made.valid(), "save_hdf5: expected a group \"{}\" in {}, got: {}", name, path_, reason());
  return made;
}

void Writer::write_attribute(const std::string& owner, const std::string& name, bool array,
                             const std::vector<std::string>& values) const {
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  std::string bytes(width * values.size(), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) values[i].copy(bytes.data() + i * width, width);
  const Handle type(values.empty() ? H5Tcopy(H5T_NATIVE_DOUBLE) : H5Tcopy(H5T_C_S1), H5Tclose);
  const bool variable = !array && width > hdf5_attribute_limit;  // the object header has no room for it
  if (!values.empty()) {
    H5Tset_size(type, variable ? H5T_VARIABLE : width);
    H5Tset_strpad(type, variable ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
  }
  const hsize_t count = values.size();
  const Handle space(array ? H5Screate_simple(1, &count, nullptr) : H5Screate(H5S_SCALAR), H5Sclose);
  const Handle target = group(owner);
  const Handle made(H5Acreate2(target, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const char* text = bytes.c_str();
  const void* content = variable ? static_cast<const void*>(&text) : bytes.data();
  const bool written = made.valid() && (values.empty() || H5Awrite(made, type, content) >= 0);
  check(written, "save_hdf5: expected to write attribute \"{}\" of \"{}\" in {}, got: {}", name, owner, path_,
        reason());
}

std::string Writer::image() const {
  H5Fflush(file_, H5F_SCOPE_GLOBAL);
  const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
  check(size > 0, "save_hdf5: expected to make {} in memory, got: {}", path_, reason());
  std::string image(static_cast<std::size_t>(size), '\0');
  H5Fget_file_image(file_, image.data(), image.size());
  return image;
}

}  // namespace xtape::hdf5
