#include "framework/io/npy.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <set>

#include "framework/amount.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/half.hpp"
#include "framework/io/stored_number.hpp"
#include "framework/io/strided.hpp"
#include "framework/io/with_place.hpp"
#include "framework/io/zip.hpp"

namespace xtape {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written in the byte order of the machine");

constexpr std::string_view signature = "\x93NUMPY";

/// The content of a file or of an entry of an archive.
struct NpyContent {
  std::int64_t size;
  std::function<void(std::int64_t offset, void* target, std::int64_t bytes)> read;
};

/// The dictionary at the beginning: "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }".
class Header {
 public:
  explicit Header(std::string_view text) : left_(text) {
    expect("{");
    bool more = true;
    while (more && !accept("}")) {
      const std::string key = quoted();
      expect(":");
      if (key == "descr") {
        set(type, quoted());
      } else if (key == "fortran_order") {
        set(fortran, accept("True") || (expect("False"), false));
      } else if (key == "shape") {
        set(shape, extents());
      } else {
        fail("expected descr, fortran_order and shape, got \"{:.40}\"", key);
      }
      more = accept(",");
      if (!more) expect("}");
    }
    skip_spaces();
    check(left_.empty(), "expected the end of the header, got \"{:.40}\"", left_);
    check(type && fortran && shape, "expected descr, fortran_order and shape, got fewer");
  }

  std::optional<std::string> type;
  std::optional<bool> fortran;
  std::optional<std::vector<std::int64_t>> shape;

 private:
  template <class T>
  static void set(std::optional<T>& field, T value) {
    check(!field, "expected each field once, got one twice");
    field = std::move(value);
  }
  void skip_spaces() { left_.remove_prefix(std::min(left_.find_first_not_of(" \n\t"), left_.size())); }
  bool accept(std::string_view token) {
    skip_spaces();
    if (!left_.starts_with(token)) return false;
    left_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    check(accept(token), "expected \"{}\" in the header, got \"{:.40}\"", token, left_);
  }
  std::string quoted() {
    skip_spaces();
    const std::size_t end = left_.empty() ? left_.npos : left_.find(left_.front(), 1);
    check(end != left_.npos && (left_.front() == '\'' || left_.front() == '"'),
          "expected a text in quotes, got \"{:.40}\"; arrays of records are not read", left_);
    std::string text(left_.substr(1, end - 1));
    left_.remove_prefix(end + 1);
    return text;
  }
  std::vector<std::int64_t> extents() {
    std::vector<std::int64_t> all;
    expect("(");
    while (!accept(")")) {
      skip_spaces();
      std::int64_t extent = 0;
      const auto read = std::from_chars(left_.data(), left_.data() + left_.size(), extent);
      check(read.ec == std::errc() && extent >= 0, "expected extents of at least 0, got \"{:.40}\"", left_);
      left_.remove_prefix(static_cast<std::size_t>(read.ptr - left_.data()));
      accept("L");  // Python 2
      all.push_back(extent);
      check(all.size() <= static_cast<std::size_t>(Shape::max_rank), "expected at most {} axes, got more",
            Shape::max_rank);
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
    return all;
  }

  std::string_view left_;
};

/// Reads `count` elements of type Stored as elements of the tensor's type.
template <class Stored, class Wanted, class Convert>
Tensor read_elements(const NpyContent& source, std::int64_t offset, std::int64_t count, DType dtype, bool swapped,
                     Convert convert) {
  Tensor tensor = Tensor::empty({count}, dtype);
  auto* out = tensor.mutable_data<Wanted>();
  if constexpr (std::is_same_v<Convert, std::identity>) {
    if (!swapped) {
      source.read(offset, out, count * static_cast<std::int64_t>(sizeof(Stored)));
      return tensor;
    }
  }
  constexpr std::int64_t piece = 1 << 16, width = sizeof(Stored);
  std::string bytes(static_cast<std::size_t>(std::min(piece, count) * width), '\0');
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t now = std::min(piece, count - done);
    source.read(offset + done * width, bytes.data(), now * width);
    for (std::int64_t i = 0; i < now; ++i) {
      out[done + i] = convert(stored_number<Stored>(bytes.data() + i * width, swapped));
    }
    done += now;
  }
  return tensor;
}

/// An element type of NumPy, and how it is read.
struct ElementType {
  std::int64_t width;
  std::function<Tensor(const NpyContent&, std::int64_t offset, std::int64_t count, bool swapped)> read;
};

template <class Stored, class Wanted, class Convert>
ElementType element_type(DType dtype, Convert convert) {
  return {sizeof(Stored), [=](const NpyContent& source, std::int64_t offset, std::int64_t count, bool swapped) {
            return read_elements<Stored, Wanted>(source, offset, count, dtype, swapped, convert);
          }};
}

template <class Stored>
ElementType integer_type() {
  return element_type<Stored, std::int64_t>(DType::int64, [](Stored value) {
    check(std::in_range<std::int64_t>(value), "expected integers up to 2^63 - 1, got {}", value);
    return static_cast<std::int64_t>(value);
  });
}

/// The type of a description without the byte order, such as "f8"; nullopt if no tensor can hold it.
std::optional<ElementType> type_of(std::string_view code) {
  constexpr std::identity same;
  const auto truth = [](std::uint8_t value) { return static_cast<std::uint8_t>(value != 0); };
  if (code == "u1") return element_type<std::uint8_t, std::uint8_t>(DType::uint8, same);
  if (code == "b1") return element_type<std::uint8_t, std::uint8_t>(DType::uint8, truth);
  if (code == "i1") return integer_type<std::int8_t>();
  if (code == "i2") return integer_type<std::int16_t>();
  if (code == "i4") return integer_type<std::int32_t>();
  if (code == "i8") return integer_type<std::int64_t>();
  if (code == "u2") return integer_type<std::uint16_t>();
  if (code == "u4") return integer_type<std::uint32_t>();
  if (code == "u8") return integer_type<std::uint64_t>();
  if (code == "f2") return element_type<std::uint16_t, float>(DType::float32, from_half);
  if (code == "f4") return element_type<float, float>(DType::float32, same);
  if (code == "f8") return element_type<double, double>(DType::float64, same);
  return std::nullopt;
}

/// The array in row-major order of one whose first axis is contiguous.
Tensor in_rows(const Tensor& columns, const Shape& shape) {
  Tensor result = Tensor::empty(shape, columns.dtype());
  StridedView view{0, {shape.begin(), shape.end()}, {1}};
  for (int axis = 1; axis < shape.rank(); ++axis) view.strides.push_back(view.strides.back() * shape[axis - 1]);
  with_type(columns.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = columns.data<T>();
    T* out = result.mutable_data<T>();
    visit_rows(view, [&](std::int64_t begin, std::int64_t stride, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) *out++ = in[begin + i * stride];
    });
  });
  return result;
}

Tensor read_npy(const NpyContent& source) {
  std::array<char, 8> start{};
  check(source.size >= 10, "expected a .npy file, got {}", amount(source.size, "byte"));
  source.read(0, start.data(), 8);
  check(std::string_view(start.data(), signature.size()) == signature,
        "expected a .npy file, which begins with \\x93NUMPY, got another format");
  const int version = static_cast<unsigned char>(start[6]);
  check(version >= 1 && version <= 3, "expected format version 1, 2 or 3, got {}", version);
  const std::int64_t begin = version == 1 ? 10 : 12;
  std::uint32_t length = 0;
  check(source.size >= begin, "expected a header, got {}", amount(source.size, "byte"));
  source.read(8, &length, begin - 8);
  check(length <= source.size - begin && length <= 100'000, "expected a header of at most {}, got {}",
        amount(std::min<std::int64_t>(source.size - begin, 100'000), "byte"), length);
  std::string text(length, '\0');
  source.read(begin, text.data(), length);
  const Header header(text);

  const std::string& code = *header.type;
  const bool has_order = !code.empty() && std::string_view("<>|=").find(code[0]) != std::string_view::npos;
  const auto type = type_of(std::string_view(code).substr(has_order ? 1 : 0));
  check(type.has_value(), "expected numbers or booleans, got the element type \"{:.40}\"{}", code,
        code.find('O') != std::string::npos ? ", Python objects, which only a pickle can hold" : "");
  const Shape shape(*header.shape);
  const std::int64_t there = source.size - begin - length;
  check(shape.size() <= there / type->width && shape.size() * type->width == there,
        "expected {} of {} for shape {}, got {}", amount(shape.size(), "element"), amount(type->width, "byte"), shape,
        amount(there, "byte"));
  const Tensor elements = type->read(source, begin + length, shape.size(), code[0] == '>');
  return *header.fortran && shape.rank() > 1 ? in_rows(elements, shape) : elements.reshaped(shape);
}

std::string npy_bytes(const Tensor& tensor) {
  const char* code = tensor.dtype() == DType::float32   ? "<f4"
                     : tensor.dtype() == DType::float64 ? "<f8"
                     : tensor.dtype() == DType::int64   ? "<i8"
                                                        : "|u1";
  const Shape& shape = tensor.shape();
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", code,
                                   fmt::join(shape.begin(), shape.end(), ", "), shape.rank() == 1 ? "," : "");
  const std::size_t before = signature.size() + 4, whole = (before + header.size() + 1 + 63) / 64 * 64;
  header.resize(whole - before - 1, ' ');
  header += '\n';
  std::string bytes(signature);
  bytes += std::string{1, 0, static_cast<char>(header.size() % 256), static_cast<char>(header.size() / 256)} + header;
  with_type(tensor.dtype(), [&](auto zero) {
    bytes.append(reinterpret_cast<const char*>(tensor.data<decltype(zero)>()),
                 static_cast<std::size_t>(tensor.size_in_bytes()));
  });
  return bytes;
}

constexpr std::string_view ending = ".npy";

/// The array of an entry "<name>.npy".
Tensor array_in(const ZipFile& archive, const std::filesystem::path& path, const std::string& name) {
  const std::string entry = name + std::string(ending), bytes = archive.read(entry);
  const NpyContent source{std::ssize(bytes), [&](std::int64_t offset, void* target, std::int64_t count) {
                            std::memcpy(target, bytes.data() + offset, static_cast<std::size_t>(count));
                          }};
  return with_place("load_npz", fmt::format("{}, array \"{:.100}\"", path.string(), entry),
                    [&] { return read_npy(source); });
}

/// The names of the arrays in an archive.
std::vector<std::string> array_names(const ZipFile& archive) {
  std::vector<std::string> names;
  for (const std::string& name : archive.names()) {
    if (name.ends_with(ending)) names.push_back(name.substr(0, name.size() - ending.size()));
  }
  return names;
}

}  // namespace

Tensor load_npy(const std::filesystem::path& path) {
  const InputFile file("load_npy", path);
  check_neither_empty_nor_zip("load_npy", "a .npy file", file, path.string());
  const NpyContent source{
      file.size(), [&](std::int64_t offset, void* target, std::int64_t bytes) { file.read(offset, target, bytes); }};
  return with_place("load_npy", path.string(), [&] { return read_npy(source); });
}

void save_npy(const std::filesystem::path& path, const Tensor& tensor) {
  check(tensor.defined(), "save_npy: expected an array, got an undefined tensor for {}", path.string());
  const std::string bytes = npy_bytes(tensor);
  write_atomically(
      path, [&](std::ostream& out) { out << bytes; }, "save_npy");
}

Tensor load_npz(const std::filesystem::path& path, const std::string& name) {
  const ZipFile archive("load_npz", path);
  const std::vector<std::string> names = array_names(archive);
  check(std::ranges::find(names, name) != names.end(), "load_npz: {}: expected an array \"{}\", got {}", path.string(),
        name, names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  return array_in(archive, path, name);
}

std::vector<NamedTensor> load_npz(const std::filesystem::path& path) {
  const ZipFile archive("load_npz", path);
  std::vector<NamedTensor> arrays;
  for (const std::string& name : array_names(archive)) arrays.push_back({name, array_in(archive, path, name)});
  return arrays;
}

void save_npz(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    check(!name.empty() && names.insert(name).second,
          "save_npz: expected arrays with different names, got \"{}\" twice or empty for {}", name, path.string());
    check(tensor.defined(), "save_npz: expected arrays, got an undefined tensor \"{}\" for {}", name, path.string());
    entries.push_back({name + std::string(ending), npy_bytes(tensor)});
  }
  write_atomically(
      path, [&](std::ostream& out) { write_zip("save_npz", out, entries); }, "save_npz");
}

}  // namespace xtape
