// The C interface <xtape/xtape.h>. Every function catches all exceptions.
#include <algorithm>
#include <cstring>
#include <fmt/ranges.h>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>
#include <xtape/xtape.h>

#include "framework/amount.hpp"
#include "framework/version.hpp"
#include "models/files/any_model.hpp"
#include "models/graph/output_name.hpp"

using namespace xtape;

struct xtape_model {
  /// An input or an output of a model as C programs see it, with the batch axis.
  struct Port {
    std::string name;
    DType dtype;
    std::vector<std::int64_t> shape;  // -1: unknown
  };

  static Port port_of(std::string name, const TensorSpec& spec, DType floating) {
    Port port{std::move(name), is_floating(spec.dtype) ? floating : spec.dtype, {-1}};
    for (const Extent extent : spec.shape) port.shape.push_back(extent.known() ? extent.value() : -1);
    return port;
  }

  explicit xtape_model(LoadedModel loaded)
      : model(loaded.model), class_names(std::move(loaded.class_names)), image_scale(std::move(loaded.image_scale)) {
    for (const std::size_t node : model.input_nodes()) {
      const ModelNode& input = model.nodes()[node];
      inputs.push_back(port_of(input.layer->name(), input.outputs[0].spec(), model.dtype()));
    }
    for (std::size_t i = 0; i < model.output_nodes().size(); ++i) {
      const NodeOutput output = model.output_nodes()[i];
      outputs.push_back(
          port_of(output_name(model, i), model.nodes()[output.node].outputs[output.output].spec(), model.dtype()));
    }
  }

  Model model;
  std::vector<Port> inputs, outputs;
  std::vector<std::string> class_names;
  std::string image_scale;
};

struct xtape_tensor {
  Tensor tensor;
};

namespace {

/// An Error about an argument of a call.
struct ArgumentError : Error {
  using Error::Error;
};

template <class... Args>
void check_argument(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw ArgumentError(fmt::format(format, std::forward<Args>(args)...));
}

thread_local std::string last_message;
thread_local const char* last_error = "";

xtape_status failed(xtape_status status, const char* message) noexcept {
  try {
    last_message = message;
    last_error = last_message.c_str();
  } catch (...) {
    last_error = "not enough memory";
  }
  return status;
}

/// Calls `body`. Converts exceptions to statuses; an Error that is not about an argument gives `status_of_error`.
template <class Body>
xtape_status guarded(xtape_status status_of_error, Body&& body) noexcept {
  try {
    body();
    return XTAPE_OK;
  } catch (const ArgumentError& error) {
    return failed(XTAPE_INVALID_ARGUMENT, error.what());
  } catch (const OutOfMemory& error) {
    return failed(XTAPE_OUT_OF_MEMORY, error.what());
  } catch (const Error& error) {
    return failed(status_of_error, error.what());
  } catch (const std::bad_alloc&) {
    return failed(XTAPE_OUT_OF_MEMORY, "not enough memory");
  } catch (const std::exception& error) {
    return failed(XTAPE_INTERNAL_ERROR, error.what());
  } catch (...) {
    return failed(XTAPE_INTERNAL_ERROR, "unknown exception");
  }
}

/// Writes a result of a handle to `*result`.
template <class Handle, class Result, class Get>
xtape_status get(const char* function, const Handle* handle, Result* result, Get&& value) noexcept {
  return guarded(XTAPE_INTERNAL_ERROR, [&] {
    check_argument(handle, "{}: expected a handle, got NULL", function);
    check_argument(result, "{}: expected a pointer for the result, got NULL", function);
    *result = value(*handle);
  });
}

/// Writes a result of an input or output to `*result`.
template <class Result, class Get>
xtape_status get(const char* function, const xtape_model* model, std::vector<xtape_model::Port> xtape_model::*ports,
                 std::size_t index, Result* result, Get&& value) noexcept {
  return get(function, model, result, [&](const xtape_model& of) {
    check_argument(index < (of.*ports).size(), "{}: expected an index below {}, got {}", function, (of.*ports).size(),
                   index);
    return value((of.*ports)[index]);
  });
}

/// Writes the extents of an input or output to `*shape` and `*rank`.
xtape_status get_shape(const char* function, const xtape_model* model,
                       std::vector<xtape_model::Port> xtape_model::*ports, std::size_t index,
                       const std::int64_t** shape, std::size_t* rank) noexcept {
  const xtape_status status =
      get(function, model, ports, index, shape, [](const xtape_model::Port& port) { return port.shape.data(); });
  if (status != XTAPE_OK) return status;
  return get(function, model, ports, index, rank, [](const xtape_model::Port& port) { return port.shape.size(); });
}

xtape_dtype code_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return XTAPE_FLOAT32;
    case DType::float64: return XTAPE_FLOAT64;
    case DType::int64: return XTAPE_INT64;
    default: return XTAPE_UINT8;
  }
}

DType dtype_of_code(const char* function, xtape_dtype code) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    if (code_of(dtype) == code) return dtype;
  }
  throw ArgumentError(fmt::format("{}: expected an xtape_dtype, 1 to 4, got {}", function, code));
}

LoadedModel load(const std::string& path, std::uint32_t flags) {
  constexpr const char* function = "xtape_model_load";
  check_argument((flags & ~std::uint32_t{XTAPE_CHANNELS_FIRST}) == 0, "{}: expected known flags, got {}", function,
                 flags);
  const bool channels_first = (flags & XTAPE_CHANNELS_FIRST) != 0;
  LoadedModel loaded =
      load_any_model(path, {.onnx = {.images = channels_first ? ImageAxes::channels_first : ImageAxes::channels_last}});
  check_argument(!channels_first || loaded.format == ModelFormat::onnx,
                 "{}: expected an ONNX file with XTAPE_CHANNELS_FIRST, got a file of {}: {}", function,
                 to_string(loaded.format), path);
  return loaded;
}

std::string text_of(DType dtype, std::span<const std::int64_t> shape) {
  return fmt::format("{} ({})", dtype, fmt::join(shape, ", "));
}

/// The array as an input of the model. Errors unless it fits.
Variable input_of(const xtape_model& model, std::size_t i, const xtape_tensor* given) {
  constexpr const char* function = "xtape_model_run";
  check_argument(given, "{}: expected a tensor for input {}, got NULL", function, i);
  const xtape_model::Port& port = model.inputs[i];
  const Tensor& tensor = given->tensor;
  const std::span extents(tensor.shape().begin(), tensor.shape().end());
  bool fits = extents.size() == port.shape.size() && tensor.size() > 0 &&
              (tensor.dtype() == port.dtype || (is_floating(tensor.dtype()) && is_floating(port.dtype)));
  for (std::size_t axis = 0; fits && axis < extents.size(); ++axis) {
    fits = port.shape[axis] == -1 || port.shape[axis] == extents[axis];
  }
  check_argument(fits, "{}: expected {} for input {} ({}), where -1 is any number above 0, got {}", function,
                 text_of(port.dtype, port.shape), i, port.name, text_of(tensor.dtype(), extents));
  return tensor.to(port.dtype);
}

std::vector<Variable> run(const xtape_model& model, std::span<xtape_tensor* const> given) {
  std::vector<Variable> inputs;
  for (std::size_t i = 0; i < given.size(); ++i) {
    inputs.push_back(input_of(model, i, given[i]));
    check_argument(inputs[i].dim(0) == inputs[0].dim(0),
                   "xtape_model_run: expected the same number of samples in all inputs, got {} and {}",
                   inputs[0].dim(0), inputs[i].dim(0));
  }
  ForwardPass pass(Mode::inference);
  return model.model.call(inputs, pass);
}

}  // namespace

extern "C" {

const char* xtape_version(void) { return version().data(); }

std::int32_t xtape_abi_version(void) { return XTAPE_ABI_VERSION; }

const char* xtape_last_error(void) { return last_error; }

xtape_status xtape_model_load(const char* path, std::uint32_t flags, xtape_model** model) {
  if (model) *model = nullptr;
  return guarded(XTAPE_CANNOT_LOAD, [&] {
    check_argument(path && model, "xtape_model_load: expected a path and a pointer for the model, got NULL");
    *model = new xtape_model(load(path, flags));
  });
}

void xtape_model_free(xtape_model* model) { delete model; }

xtape_status xtape_model_input_count(const xtape_model* model, size_t* count) {
  return get(__func__, model, count, [](const xtape_model& of) { return of.inputs.size(); });
}

xtape_status xtape_model_input_name(const xtape_model* model, size_t index, const char** name) {
  return get(__func__, model, &xtape_model::inputs, index, name,
             [](const xtape_model::Port& port) { return port.name.c_str(); });
}

xtape_status xtape_model_input_dtype(const xtape_model* model, size_t index, xtape_dtype* dtype) {
  return get(__func__, model, &xtape_model::inputs, index, dtype,
             [](const xtape_model::Port& port) { return code_of(port.dtype); });
}

xtape_status xtape_model_input_shape(const xtape_model* model, size_t index, const int64_t** shape, size_t* rank) {
  return get_shape(__func__, model, &xtape_model::inputs, index, shape, rank);
}

xtape_status xtape_model_output_count(const xtape_model* model, size_t* count) {
  return get(__func__, model, count, [](const xtape_model& of) { return of.outputs.size(); });
}

xtape_status xtape_model_output_name(const xtape_model* model, size_t index, const char** name) {
  return get(__func__, model, &xtape_model::outputs, index, name,
             [](const xtape_model::Port& port) { return port.name.c_str(); });
}

xtape_status xtape_model_output_dtype(const xtape_model* model, size_t index, xtape_dtype* dtype) {
  return get(__func__, model, &xtape_model::outputs, index, dtype,
             [](const xtape_model::Port& port) { return code_of(port.dtype); });
}

xtape_status xtape_model_output_shape(const xtape_model* model, size_t index, const int64_t** shape, size_t* rank) {
  return get_shape(__func__, model, &xtape_model::outputs, index, shape, rank);
}

xtape_status xtape_model_class_count(const xtape_model* model, size_t* count) {
  return get(__func__, model, count, [](const xtape_model& of) { return of.class_names.size(); });
}

xtape_status xtape_model_class_name(const xtape_model* model, size_t index, const char** name) {
  const char* const function = __func__;
  return get(function, model, name, [&](const xtape_model& of) {
    check_argument(index < of.class_names.size(), "{}: expected an index below {}, got {}", function,
                   of.class_names.size(), index);
    return of.class_names[index].c_str();
  });
}

xtape_status xtape_model_image_scale(const xtape_model* model, const char** scale) {
  return get(__func__, model, scale, [](const xtape_model& of) { return of.image_scale.c_str(); });
}

xtape_status xtape_tensor_new(xtape_dtype dtype, const int64_t* shape, size_t rank, const void* data, size_t bytes,
                              xtape_tensor** tensor) {
  if (tensor) *tensor = nullptr;
  const char* const function = __func__;
  return guarded(XTAPE_INVALID_ARGUMENT, [&] {
    check_argument(tensor, "{}: expected a pointer for the tensor, got NULL", function);
    check_argument(shape || rank == 0, "{}: expected a shape, got NULL", function);
    check_argument(rank <= Shape::max_rank, "{}: expected at most {} axes, got {}", function, int{Shape::max_rank},
                   rank);
    const Shape extents(std::span<const std::int64_t>(shape, rank));
    const DType type = dtype_of_code(function, dtype);
    with_type(type, [&](auto zero) {
      using T = decltype(zero);
      const auto elements = static_cast<std::size_t>(extents.size());
      check_argument(bytes / sizeof(T) == elements && bytes % sizeof(T) == 0,  // a product could overflow
                     "{}: expected {} of {} for {} {}, got {}", function, amount(elements, "element"),
                     amount(sizeof(T), "byte"), type, extents, amount(bytes, "byte"));
      check_argument(data || bytes == 0, "{}: expected data, got NULL", function);
      Tensor copy = Tensor::empty(extents, type);
      if (bytes > 0) std::memcpy(copy.mutable_data<T>(), data, bytes);
      *tensor = new xtape_tensor{std::move(copy)};
    });
  });
}

void xtape_tensor_free(xtape_tensor* tensor) { delete tensor; }

xtape_status xtape_tensor_dtype(const xtape_tensor* tensor, xtape_dtype* dtype) {
  return get(__func__, tensor, dtype, [](const xtape_tensor& of) { return code_of(of.tensor.dtype()); });
}

xtape_status xtape_tensor_shape(const xtape_tensor* tensor, const int64_t** shape, size_t* rank) {
  const xtape_status status =
      get(__func__, tensor, shape, [](const xtape_tensor& of) { return of.tensor.shape().begin(); });
  if (status != XTAPE_OK) return status;
  return get(__func__, tensor, rank, [](const xtape_tensor& of) { return static_cast<std::size_t>(of.tensor.rank()); });
}

xtape_status xtape_tensor_data(const xtape_tensor* tensor, const void** data, size_t* bytes) {
  const xtape_status status = get(__func__, tensor, data, [](const xtape_tensor& of) {
    return with_type(of.tensor.dtype(), [&](auto zero) -> const void* { return of.tensor.data<decltype(zero)>(); });
  });
  if (status != XTAPE_OK) return status;
  return get(__func__, tensor, bytes,
             [](const xtape_tensor& of) { return static_cast<std::size_t>(of.tensor.size_in_bytes()); });
}

xtape_status xtape_model_run(const xtape_model* model, xtape_tensor* const* inputs, size_t input_count,
                             xtape_tensor** outputs, size_t output_count) {
  const char* const function = __func__;
  return guarded(XTAPE_CANNOT_RUN, [&] {
    check_argument(model && inputs && outputs, "{}: expected a model, inputs and outputs, got NULL", function);
    check_argument(input_count == model->inputs.size() && output_count == model->outputs.size(),
                   "{}: expected {} and {}, got {} and {}", function, amount(model->inputs.size(), "input"),
                   amount(model->outputs.size(), "output"), input_count, output_count);
    const std::less_equal<const void*> before;  // < is not defined for pointers into different arrays
    check_argument(before(inputs + input_count, outputs) || before(outputs + output_count, inputs),
                   "{}: expected separate arrays of inputs and outputs, got two that overlap", function);
    std::fill_n(outputs, output_count, nullptr);
    std::vector<std::unique_ptr<xtape_tensor>> results;
    for (const Variable& output : run(*model, {inputs, input_count})) {
      results.emplace_back(new xtape_tensor{output.value()});
    }
    for (std::size_t i = 0; i < results.size(); ++i) outputs[i] = results[i].release();
  });
}

}  // extern "C"
