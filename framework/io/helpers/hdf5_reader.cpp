#include "framework/io/helpers/hdf5_reader.hpp"

#include <algorithm>

#include "framework/amount.hpp"

namespace xtape::hdf5 {
namespace {

constexpr std::size_t most_objects = 100'000, deepest = 64, most_bytes = std::size_t{1} << 26;  // of all paths

/// The values of an attribute of fixed-length strings, without terminating zeros and padding.
std::vector<std::string> fixed_strings(hid_t attribute, hid_t type, std::size_t count) {
  const std::size_t width = H5Tget_size(type);
  std::vector<char> bytes(width * count);
  if (H5Aread(attribute, type, bytes.data()) < 0) return {};
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text(bytes.data() + i * width, width);
    if (const std::size_t zero = text.find('\0'); zero != std::string::npos) text.resize(zero);
    if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) text.resize(text.find_last_not_of(' ') + 1);
    texts.push_back(std::move(text));
  }
  return texts;
}

/// The values of an attribute of variable-length strings, which HDF5 allocates.
std::vector<std::string> variable_strings(hid_t attribute, hid_t type, hid_t space, std::size_t count) {
  std::vector<char*> pointers(count, nullptr);
  if (H5Aread(attribute, type, pointers.data()) < 0) return {};
  std::vector<std::string> texts;
  for (const char* text : pointers) texts.emplace_back(text ? text : "");
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  return texts;
}

}  // namespace

Reader::Reader(std::string_view function, std::string path, std::int64_t size)
    : path_(std::move(path)), size_(size), file_(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose) {
  check(file_.valid(), "{}: expected an HDF5 file, got {}: {}", function, path_, reason());
}

bool Reader::contains(const std::string& object) const { return open_object(file_, object).valid(); }

std::vector<std::string> Reader::dataset_names() const {
  struct Link {
    std::string path;
    std::size_t depth;
  };
  std::vector<std::string> names;
  std::vector<Link> pending{{"/", 0}};
  std::size_t bytes = 0;
  for (std::size_t seen = 0; !pending.empty(); ++seen) {
    const Link link = std::move(pending.back());
    pending.pop_back();
    const Handle object = open_object(file_, link.path);
    const H5I_type_t type = H5Iget_type(object);
    if (type == H5I_DATASET) names.push_back(link.path.substr(1));
    if (type != H5I_GROUP) continue;
    std::vector<std::string> children;
    const auto collect = [](hid_t, const char* name, const auto* info, void* target) -> herr_t {
      auto& list = *static_cast<std::vector<std::string>*>(target);
      if (info->type == H5L_TYPE_HARD) list.emplace_back(name);
      return list.size() > most_objects ? 1 : 0;  // 1 ends the loop; the check below then throws
    };
    const herr_t status = H5Literate(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect, &children);
    check(status >= 0, "hdf5_dataset_names: expected to list \"{}\" of {}, got: {}", link.path, path_, reason());
    check(link.depth < deepest,
          "hdf5_dataset_names: expected groups in at most {} others, got more in {}; do they contain themselves?",
          deepest, path_);
    check(seen + pending.size() + children.size() < most_objects,
          "hdf5_dataset_names: expected at most {} objects, got more in {}; do its groups contain themselves?",
          most_objects, path_);
    for (const std::string& child : children) {
      pending.push_back({(link.depth == 0 ? "/" : link.path + "/") + child, link.depth + 1});
      bytes += pending.back().path.size();
      check(bytes <= most_bytes,
            "hdf5_dataset_names: expected paths of at most {} bytes together, got more in {}; are its names that long?",
            most_bytes, path_);
    }
  }
  std::ranges::sort(names);
  return names;
}

std::optional<std::vector<std::string>> Reader::strings(const std::string& object, const std::string& name) const {
  const Handle owner = open_object(file_, object);
  const auto describe = [&] { return fmt::format("attribute \"{}\" of \"{}\" in {}", name, object, path_); };
  check(owner.valid(), "load_hdf5: expected \"{}\" in {}, got: {}", object, path_, reason());
  const htri_t exists = H5Aexists(owner, name.c_str());
  check(exists >= 0, "load_hdf5: expected the {}, got: {}", describe(), reason());
  if (exists == 0) return std::nullopt;
  const Handle attribute(H5Aopen(owner, name.c_str(), H5P_DEFAULT), H5Aclose);
  check(attribute.valid(), "load_hdf5: expected the {}, got: {}", describe(), reason());
  const Handle type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  check(type.valid() && space.valid(), "load_hdf5: expected the {}, got: {}", describe(), reason());
  const auto count = static_cast<std::uint64_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space), 0));
  if (count == 0) return std::vector<std::string>{};
  check(H5Tget_class(type) == H5T_STRING, "load_hdf5: expected strings as {}, got another type", describe());
  const auto size = static_cast<std::uint64_t>(size_);
  const std::uint64_t width = H5Tget_size(type);
  check(width > 0 && width <= size && count <= size / width,
        "load_hdf5: expected {} of {} as {}, got a file of {} bytes", amount(count, "string"), amount(width, "byte"),
        describe(), size);
  const bool variable = H5Tis_variable_str(type) > 0;
  auto texts = variable ? variable_strings(attribute, type, space, count) : fixed_strings(attribute, type, count);
  check(texts.size() == count, "load_hdf5: expected to read the {}, got: {}", describe(), reason());
  return texts;
}

}  // namespace xtape::hdf5
