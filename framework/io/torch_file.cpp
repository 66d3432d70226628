#include "framework/io/torch_file.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>

#include "framework/amount.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/half.hpp"
#include "framework/io/pickle.hpp"
#include "framework/io/stored_number.hpp"
#include "framework/io/strided.hpp"
#include "framework/io/zip.hpp"

namespace xtape {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view rebuild_tensor = "torch._utils._rebuild_tensor_v2",
                           rebuild_parameter = "torch._utils._rebuild_parameter";
constexpr std::string_view pickle_entry = "data.pkl";
constexpr std::int64_t longest_pickle = std::int64_t{1} << 24;

/// Copies the elements of a view, which lies within `storage`, to a tensor of type To.
template <class Raw, class To, To convert(Raw)>
void gather(const std::string& storage, bool swap, const StridedView& view, Tensor& to) {
  To* target = to.mutable_data<To>();
  visit_rows(view, [&](std::int64_t begin, std::int64_t stride, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      *target++ = convert(stored_number<Raw>(storage.data() + (begin + i * stride) * std::int64_t{sizeof(Raw)}, swap));
    }
  });
}

template <class T>
T same(T x) {
  return x;
}
template <class T>
std::int64_t widened(T x) {
  return x;
}

/// The type of the elements of a storage.
struct TorchType {
  std::string_view storage, name;
  std::int64_t width;
  std::optional<DType> dtype;
  void (*gather)(const std::string& storage, bool swap, const StridedView& view, Tensor& to);
};

constexpr std::array<TorchType, 12> torch_types{
    {{"torch.FloatStorage", "float32", 4, DType::float32, gather<float, float, same<float>>},
     {"torch.DoubleStorage", "float64", 8, DType::float64, gather<double, double, same<double>>},
     {"torch.HalfStorage", "float16", 2, DType::float32, gather<std::uint16_t, float, from_half>},
     {"torch.BFloat16Storage", "bfloat16", 2, DType::float32, gather<std::uint16_t, float, from_brain>},
     {"torch.LongStorage", "int64", 8, DType::int64, gather<std::int64_t, std::int64_t, same<std::int64_t>>},
     {"torch.IntStorage", "int32", 4, DType::int64, gather<std::int32_t, std::int64_t, widened<std::int32_t>>},
     {"torch.ShortStorage", "int16", 2, DType::int64, gather<std::int16_t, std::int64_t, widened<std::int16_t>>},
     {"torch.CharStorage", "int8", 1, DType::int64, gather<std::int8_t, std::int64_t, widened<std::int8_t>>},
     {"torch.ByteStorage", "uint8", 1, DType::uint8, gather<std::uint8_t, std::uint8_t, same<std::uint8_t>>},
     {"torch.BoolStorage", "bool", 1, DType::uint8, gather<std::uint8_t, std::uint8_t, same<std::uint8_t>>},
     {"torch.ComplexFloatStorage", "complex64", 8, std::nullopt, nullptr},
     {"torch.ComplexDoubleStorage", "complex128", 16, std::nullopt, nullptr}}};

/// A tensor as the pickle describes it.
struct TorchTensor {
  const TorchType* type;
  std::string key;        ///< name of the storage
  std::int64_t elements;  ///< of the storage
  StridedView view;
};

/// The value as a text. Error for other values.
const std::string& text_of(const PickleValue* value) {
  check(value->kind == Kind::text, "expected a text in the description of a tensor, got something else");
  return value->text;
}

std::int64_t integer_of(const PickleValue* value) {
  check(value->kind == Kind::integer && value->integer >= 0 && value->integer <= std::int64_t{1} << 62,
        "expected integers from 0 to 2^62 in the description of a tensor, got {}", value->integer);
  return value->integer;
}

std::vector<std::int64_t> integers_of(const PickleValue* value) {
  check(value->kind == Kind::tuple && value->items.size() <= 64, "expected a tuple of up to 64 extents");
  std::vector<std::int64_t> result;
  for (const PickleValue* item : value->items) result.push_back(integer_of(item));
  return result;
}

/// Error unless every element of the view is in a storage of `elements` elements.
void check_inside(const StridedView& view, std::int64_t elements) {
  check(view.extents.size() == view.strides.size(), "expected a stride for each of {} extents, got {}",
        view.extents.size(), view.strides.size());
  if (std::ranges::count(view.extents, 0) > 0) return;
  bool inside = view.offset < elements;
  std::int64_t last = view.offset;
  for (std::size_t i = 0; inside && i < view.extents.size(); ++i) {
    const std::int64_t steps = view.extents[i] - 1;
    inside = steps == 0 || view.strides[i] <= (elements - 1 - last) / steps;
    if (inside) last += steps * view.strides[i];
  }
  check(inside, "expected elements within a storage of {}, got offset {}, extents ({}), strides ({})", elements,
        view.offset, fmt::join(view.extents, ", "), fmt::join(view.strides, ", "));
}

/// Whether a value is a tensor. A parameter contains the tensor that it is made of.
bool is_tensor(const PickleValue* value) { return value->kind == Kind::call; }

TorchTensor tensor_of(const PickleValue* value) {
  while (true) {
    const std::vector<const PickleValue*>& arguments = value->items[1]->items;
    const std::string& function = value->items[0]->text;
    check(arguments.size() >= (function == rebuild_parameter ? 1 : 4), "expected the arguments of {}, got {}", function,
          arguments.size());
    if (function == rebuild_tensor) break;
    check(function == rebuild_parameter, "expected a call that makes a tensor, got one of {}", function);
    value = arguments[0];
    check(is_tensor(value), "expected a parameter that is made of a tensor, got one of something else");
  }
  const std::vector<const PickleValue*>& arguments = value->items[1]->items;
  const PickleValue* storage = arguments[0];
  check(storage->kind == Kind::persistent && storage->items[0]->kind == Kind::tuple &&
            storage->items[0]->items.size() == 5 && text_of(storage->items[0]->items[0]) == "storage",
        "expected the storage of a tensor, got something else");
  const std::vector<const PickleValue*>& id = storage->items[0]->items;
  const auto* type =
      std::ranges::find(torch_types, id[1]->kind == Kind::global ? id[1]->text : "", &TorchType::storage);
  check(type != torch_types.end(), "expected the type of a storage, got something else");
  TorchTensor tensor{type,
                     text_of(id[2]),
                     integer_of(id[4]),
                     {integer_of(arguments[1]), integers_of(arguments[2]), integers_of(arguments[3])}};
  check_inside(tensor.view, tensor.elements);
  return tensor;
}

/// Error for Python objects that tensors, and dictionaries of them, do not need.
void check_global(std::string_view name) {
  const bool known = name == rebuild_tensor || name == rebuild_parameter || name == "torch.Size" ||
                     std::ranges::find(torch_types, name, &TorchType::storage) != torch_types.end();
  check(known,
        "expected tensors, numbers, texts, lists and dictionaries, got the Python object \"{:.200}\", which is not "
        "made because that would execute code; in Python save the weights alone, torch.save(model.state_dict(), "
        "\"weights.pt\"), or as safetensors",
        name);
}

/// The dictionaries with tensors, by the name under which the file has them, such as "model/state_dict".
using StateDicts = std::vector<std::pair<std::string, const PickleValue*>>;

void find_state_dicts(const PickleValue* value, const std::string& name, int depth, std::set<const PickleValue*>& seen,
                      StateDicts& found) {
  if (value->kind != Kind::dict || !seen.insert(value).second) return;
  bool holds_tensor = false;
  for (std::size_t i = 0; i < value->items.size(); i += 2) {
    if (value->items[i]->kind != Kind::text) continue;
    holds_tensor = holds_tensor || is_tensor(value->items[i + 1]);
    if (depth == 0) continue;
    find_state_dicts(value->items[i + 1], name + (name.empty() ? "" : "/") + value->items[i]->text, depth - 1, seen,
                     found);
  }
  if (holds_tensor) found.emplace_back(name, value);
}

const PickleValue* state_dict_of(const PickleValue& root) {
  constexpr int deepest = 2;  // {"model": {"state_dict": {...}}}
  StateDicts found;
  std::set<const PickleValue*> seen;
  find_state_dicts(&root, "", deepest, seen, found);
  check(!found.empty(), "expected a dictionary of tensors, as model.state_dict() is one, got none");
  if (found.size() == 1) return found[0].second;
  for (const std::string wanted : {"", "state_dict", "model_state_dict", "model"}) {
    const auto row = std::ranges::find(found, wanted, &StateDicts::value_type::first);
    if (row != found.end()) return row->second;
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : found) names.push_back(fmt::format("{:.100}", name));
  names.resize(std::min<std::size_t>(names.size(), 20));
  fail("expected one dictionary of tensors, got those of {}; in Python save the one that is wanted alone",
       fmt::join(names, ", "));
}

/// The archive of a file, and the storage that was read last, because tensors may share it.
class TorchArchive {
 public:
  /// Calls `work`; puts function and path in front of the message of an Error.
  template <class Work>
  auto named(Work work) const {
    try {
      return work();
    } catch (const Error& error) {
      const std::string text = error.what();
      if (text.starts_with(function_ + ": ")) throw;
      fail_as(error, "{}: {}: {}", function_, path_, text);
    }
  }

  TorchArchive(std::string_view function, const std::filesystem::path& path)
      : function_(function), path_(path.string()), archive_(function, path) {
    for (const std::string& name : archive_.names()) {
      const bool found = name == pickle_entry || name.ends_with("/" + std::string(pickle_entry));
      if (found) prefix_ = name.substr(0, name.size() - pickle_entry.size());
      scripted_ = scripted_ || name.ends_with("/constants.pkl");
      big_endian_ = big_endian_ || (name.ends_with("/byteorder") && archive_.read(name).starts_with("big"));
    }
  }

  std::vector<StoredTensor> tensors(const std::shared_ptr<const TorchArchive>& self) const {
    return named([&] {
      check(!scripted_,
            "expected a state_dict, got a program of TorchScript; in Python save torch.jit.load(file).state_dict()");
      const std::string name = prefix_ + std::string(pickle_entry);
      check(archive_.size(name) <= longest_pickle, "expected data.pkl of at most {} bytes, got {}", longest_pickle,
            archive_.size(name));
      const Pickle pickle(archive_.read(name), check_global);
      const PickleValue* state = state_dict_of(pickle.value());
      std::vector<StoredTensor> result;
      for (std::size_t i = 0; i < state->items.size(); i += 2) {
        if (state->items[i]->kind == Kind::text) add(state->items[i]->text, *state->items[i + 1], self, result);
      }
      return result;
    });
  }

  static bool is_archive(std::string_view function, const std::filesystem::path& path) {
    const std::vector<std::string> names = ZipFile(function, path).names();
    return std::ranges::any_of(names, [](const std::string& name) {
      return name == pickle_entry || name.ends_with("/" + std::string(pickle_entry));
    });
  }

 private:
  void add(const std::string& name, const PickleValue& value, const std::shared_ptr<const TorchArchive>& self,
           std::vector<StoredTensor>& to) const {
    const auto unread = [self, name] {
      self->named([&] { fail("expected an array of numbers as \"{}\", got another type", name); });
      return Tensor();
    };
    if (value.kind == Kind::text || value.kind == Kind::bytes)
      return to.push_back({name, std::nullopt, "strings", {}, unread});
    if (value.kind == Kind::boolean) return to.push_back({name, std::nullopt, "BOOL", {}, unread});
    if (value.kind == Kind::integer) return to.push_back({name, std::nullopt, "INTEGER", {}, unread});
    if (!is_tensor(&value)) return;  // None, lists and dictionaries are no arrays
    const TorchTensor tensor = [&] {
      try {
        return tensor_of(&value);
      } catch (const Error& error) {
        fail_as(error, "tensor \"{}\": {}", name, error.what());
      }
    }();
    const std::size_t axes = tensor.view.extents.size();
    const bool fits = axes <= Shape::max_rank;
    const Shape shape = fits ? Shape(tensor.view.extents) : Shape();
    const std::string type = std::string(tensor.type->name) + (fits ? "" : fmt::format(" with {} axes", axes));
    if (!fits || !tensor.type->dtype) return to.push_back({name, std::nullopt, type, shape, unread});
    to.push_back({name, tensor.type->dtype, type, shape, [self, tensor, shape, name] {
                    return self->named([&] { return self->read(tensor, shape, name); });
                  }});
  }

  Tensor read(const TorchTensor& tensor, const Shape& shape, const std::string& name) const {
    const std::string entry = fmt::format("{}data/{}", prefix_, tensor.key);
    const std::int64_t bytes = archive_.size(entry);
    check(bytes % tensor.type->width == 0 && bytes / tensor.type->width == tensor.elements,
          "expected a storage of {} of {} for \"{}\", got {}", amount(tensor.elements, "element"), tensor.type->name,
          name, amount(bytes, "byte"));
    Tensor result = Tensor::empty(shape, *tensor.type->dtype);
    const std::shared_ptr<const std::string> storage = read_storage(entry);
    if (result.size() > 0) tensor.type->gather(*storage, big_endian_, tensor.view, result);
    return result;
  }

  std::shared_ptr<const std::string> read_storage(const std::string& entry) const {
    const std::lock_guard lock(mutex_);
    if (!last_ || last_name_ != entry) {
      last_.reset();
      last_ = std::make_shared<const std::string>(archive_.read(entry));
      last_name_ = entry;
    }
    return last_;
  }

  std::string function_, path_;
  ZipFile archive_;
  std::string prefix_;  // of the names of the entries, such as "weights/"
  bool scripted_ = false, big_endian_ = false;
  mutable std::mutex mutex_;
  mutable std::string last_name_;
  mutable std::shared_ptr<const std::string> last_;
};

/// Whether a file has the magic number of the format before PyTorch 1.6, a pickle of the integer
/// 0x1950a86a20f9469cfc6c.
bool is_legacy(const InputFile& file) {
  return has_at(file, 0, "\x80") && has_at(file, 2, "\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19");
}

}  // namespace

bool is_torch_file(std::string_view function, const std::filesystem::path& path) {
  const InputFile file(function, path);
  return is_legacy(file) || (is_zip(file) && TorchArchive::is_archive(function, path));
}

std::vector<StoredTensor> list_torch_file(std::string_view function, const std::filesystem::path& path) {
  check(!is_legacy(InputFile(function, path)),
        "{}: expected a file of PyTorch in its zip format, got the format before PyTorch 1.6: {}; in Python save it "
        "anew: torch.save(torch.load(\"old.pt\", map_location=\"cpu\"), \"new.pt\")",
        function, path.string());
  const auto source = std::make_shared<const TorchArchive>(function, path);
  return source->tensors(source);
}

}  // namespace xtape
