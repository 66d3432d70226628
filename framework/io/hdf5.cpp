#include "framework/io/hdf5.hpp"

#include <algorithm>
#include <cstring>

#include "framework/io/atomic_file.hpp"
#include "framework/io/hdf5_dataset.hpp"
#include "framework/io/hdf5_file.hpp"

namespace xtape {
namespace {

using hdf5::Handle;
using hdf5::reason;
using hdf5::Session;

/// "a", "b", "c" and 17 more.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), most));
  const std::string more = names.size() > most ? fmt::format(" and {} more", names.size() - most) : "";
  return names.empty() ? "none"
                       : fmt::format("\"{}\"{}", fmt::join(names.begin(), names.begin() + shown, "\", \""), more);
}

/// A list of properties that makes the groups on the way to what is made.
Handle with_parents() {
  Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  return links;
}

void write_dataset(const std::string& path, hid_t file, const NamedTensor& entry) {
  const auto& [name, tensor] = entry;
  check(tensor.defined(), "save_hdf5: expected arrays, got an undefined tensor \"{}\" for {}", name, path);
  const Handle links = with_parents();
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);  // the same content gives the same bytes
  const std::vector<hsize_t> extents(tensor.shape().begin(), tensor.shape().end());
  const Handle space(H5Screate_simple(tensor.rank(), extents.data(), nullptr), H5Sclose);
  const hid_t type = hdf5::memory_type(tensor.dtype());
  const Handle dataset(H5Dcreate2(file, name.c_str(), type, space, links, creation, H5P_DEFAULT), H5Dclose);
  check(dataset.valid(), "save_hdf5: expected different names of data sets for {}, got \"{}\": {}", path, name,
        reason());
  const herr_t status = with_type(tensor.dtype(), [&, &values = tensor](auto zero) {
    return H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.template data<decltype(zero)>());
  });
  check(status >= 0, "save_hdf5: expected to write \"{}\" of {}, got: {}", name, path, reason());
}

/// The group of this name, made when there is none.
Handle group(const std::string& path, hid_t file, const std::string& name) {
  Handle known = hdf5::open_object(file, name);
  if (known.valid()) return known;
  const Handle links = with_parents();
  const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  Handle made(H5Gcreate2(file, name.c_str(), links, creation, H5P_DEFAULT), H5Gclose);
  check(made.valid(), "save_hdf5: expected a group \"{}\" in {}, got: {}", name, path, reason());
  return made;
}

void write_attribute(const std::string& path, hid_t file, const Hdf5Attribute& attribute) {
  const auto& [owner, name, values, array] = attribute;
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  check(width * values.size() <= hdf5_attribute_limit && (array || values.size() == 1),
        "save_hdf5: expected at most {} bytes in attribute \"{}\" of \"{}\", got {} values of {} for {}",
        hdf5_attribute_limit, name, owner, values.size(), width, path);
  std::string bytes(width * values.size(), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) values[i].copy(bytes.data() + i * width, width);
  const Handle type(values.empty() ? H5Tcopy(H5T_NATIVE_DOUBLE) : H5Tcopy(H5T_C_S1), H5Tclose);
  if (!values.empty()) {
    H5Tset_size(type, width);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
  }
  const hsize_t count = values.size();
  const Handle space(array ? H5Screate_simple(1, &count, nullptr) : H5Screate(H5S_SCALAR), H5Sclose);
  const Handle target = group(path, file, owner);
  const Handle made(H5Acreate2(target, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const bool written = made.valid() && (values.empty() || H5Awrite(made, type, bytes.data()) >= 0);
  check(written, "save_hdf5: expected to write attribute \"{}\" of \"{}\" in {}, got: {}", name, owner, path, reason());
}

/// The bytes of an HDF5 file. Made in memory, because HDF5 does not recover from a disk that is full.
std::vector<char> file_image(const std::string& path, const std::vector<NamedTensor>& tensors,
                             const std::vector<Hdf5Attribute>& attributes) {
  std::size_t bytes = std::size_t{1} << 16;
  for (const NamedTensor& entry : tensors) bytes += static_cast<std::size_t>(entry.tensor.size_in_bytes());
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, bytes, false);
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
  check(file.valid(), "save_hdf5: expected to make {} in memory, got: {}", path, reason());
  for (const NamedTensor& entry : tensors) write_dataset(path, file, entry);
  for (const Hdf5Attribute& attribute : attributes) write_attribute(path, file, attribute);
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  check(size > 0, "save_hdf5: expected to make {} in memory, got: {}", path, reason());
  std::vector<char> image(static_cast<std::size_t>(size));
  H5Fget_file_image(file, image.data(), image.size());
  return image;
}

}  // namespace

Tensor load_hdf5(const std::filesystem::path& path, const std::string& name) {
  const Hdf5File file("load_hdf5", path);
  if (!file.contains(name)) {
    fail("load_hdf5: expected a data set \"{}\" in {}, got none of this name; the file has {}", name, path.string(),
         listed(file.dataset_names()));
  }
  return file.dataset(name).read();
}

std::vector<std::string> hdf5_dataset_names(const std::filesystem::path& path) {
  return Hdf5File("hdf5_dataset_names", path).dataset_names();
}

void save_hdf5(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
               const std::vector<Hdf5Attribute>& attributes) {
  const std::vector<char> image = [&] {
    const Session session;
    return file_image(path.string(), tensors, attributes);
  }();
  write_atomically(path,
                   [&](std::ostream& out) { out.write(image.data(), static_cast<std::streamsize>(image.size())); });
}

}  // namespace xtape
