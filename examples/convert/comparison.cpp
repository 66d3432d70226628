#include "examples/convert/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "examples/program.hpp"
#include "framework/io/temporary_file.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

/// Runs the file of its first argument. The folder of the second one has job.json and the inputs, and gets the outputs
/// and result.json. Status 3: the modules are not installed.
constexpr const char* script = R"(
import json, os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
path, folder = sys.argv[1:3]
job = json.load(open(os.path.join(folder, "job.json")))
try:
    import numpy as np
    if job["format"] == "ONNX":
        import onnxruntime
    else:
        try:
            import keras
        except ImportError as missing:
            try:
                import tf_keras as keras
            except ImportError:
                raise missing
except ImportError as error:
    wanted = "onnxruntime" if job["format"] == "ONNX" else "keras or tf_keras"
    print(f"expected the modules numpy and {wanted}, with what they need, got: {error}")
    sys.exit(3)
inputs = [np.fromfile(os.path.join(folder, i["file"]), i["dtype"]).reshape(i["shape"]) for i in job["inputs"]]
if job["format"] == "ONNX":
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    numpy_types = {"float": "float32", "double": "float64"}  # others have the same names
    for k, described in enumerate(session.get_inputs()):
        name = described.type[len("tensor("):-1]
        inputs[k] = inputs[k].astype(numpy_types.get(name, name))
        if described.shape and isinstance(described.shape[0], int):  # a fixed batch
            inputs[k] = np.resize(inputs[k], (described.shape[0],) + inputs[k].shape[1:])
    outputs = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs)})
    runtime = "onnxruntime " + onnxruntime.__version__
else:
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception:  # files of Keras 1 and 2 that Keras 3 does not read
        import tf_keras as keras
        model = keras.models.load_model(path, compile=False)
    if isinstance(model.input, dict):  # in the order of the names
        inputs = dict(zip(sorted(model.input), inputs))
    elif len(inputs) == 1:
        inputs = inputs[0]
    outputs = model(inputs, training=False)
    outputs = [outputs[name] for name in sorted(outputs)] if isinstance(outputs, dict) else outputs
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    runtime = keras.__name__ + " " + keras.__version__
result = []
for k, output in enumerate(outputs):
    output = np.asarray(output)
    output.astype(np.float32).tofile(os.path.join(folder, f"output_{k}"))
    result.append(list(output.shape))
json.dump({"runtime": runtime, "shapes": result}, open(os.path.join(folder, "result.json"), "w"))
)";

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The last line with text.
std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text.substr(text.rfind('\n') + 1);
}

nlohmann::json written_inputs(const std::vector<Tensor>& inputs, const TemporaryFolder& folder) {
  nlohmann::json list = nlohmann::json::array();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& input = inputs[i];
    const std::string name = fmt::format("input_{}", i);
    with_type(input.dtype(), [&](auto zero) {
      std::ofstream(folder / name, std::ios::binary)
          .write(reinterpret_cast<const char*>(input.data<decltype(zero)>()), input.size_in_bytes());
    });
    list.push_back({{"file", name},
                    {"dtype", to_string(input.dtype())},
                    {"shape", std::vector(input.shape().begin(), input.shape().end())}});
  }
  return list;
}

std::vector<Tensor> read_outputs(const nlohmann::json& shapes, const TemporaryFolder& folder) {
  std::vector<Tensor> outputs;
  for (const auto& shape : shapes) {
    const std::string bytes = text_of(folder / fmt::format("output_{}", outputs.size()));
    Tensor output = Tensor::empty(Shape(shape.get<std::vector<std::int64_t>>()), DType::float32);
    check(std::ssize(bytes) == output.size_in_bytes(), "convert: expected {} bytes of an output, got {}",
          output.size_in_bytes(), bytes.size());
    std::ranges::copy(bytes, reinterpret_cast<char*>(output.mutable_data<float>()));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace

std::vector<Tensor> random_inputs(const Model& model, const std::optional<ImageScale>& scale, std::int64_t size,
                                  std::uint64_t seed) {
  std::vector<Tensor> inputs;
  for (const SymbolicTensor& input : model.inputs()) {
    std::vector<std::int64_t> extents{2};
    for (int i = 0; i < input.shape().rank(); ++i) {
      extents.push_back(input.shape()[i].known() ? input.shape()[i].value() : size);
    }
    const Shape shape(extents);
    RandomStream random(seed, inputs.size());
    std::vector<double> values = random.uniform(shape).to_vector();
    const auto channels = static_cast<std::size_t>(shape[-1]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      double& x = values[i];
      if (input.dtype() == DType::int64) {
        x = std::round(x);
      } else if (input.dtype() == DType::uint8) {
        x = std::round(255 * x);
      } else if (scale && shape.rank() == 4) {
        const auto of_channel = [&](const std::vector<double>& all) { return all[i % channels % all.size()]; };
        x = of_channel(scale->factor) * x + of_channel(scale->shift);
      } else {
        x = 2 * x - 1;
      }
    }
    inputs.push_back(Tensor::of(shape, values, input.dtype()));
  }
  return inputs;
}

std::vector<Tensor> outputs_of(const Model& model, const std::vector<Tensor>& inputs) {
  ForwardPass pass(Mode::inference);
  std::vector<Variable> given;
  for (std::size_t i = 0; i < inputs.size(); ++i) {  // a file may have another type of integers
    given.emplace_back(is_floating(inputs[i].dtype()) ? inputs[i] : inputs[i].to(model.inputs()[i].dtype()));
  }
  std::vector<Tensor> outputs;
  for (const Variable& output : model.call(given, pass)) outputs.push_back(output.value());
  return outputs;
}

Difference difference(const std::vector<Tensor>& ours, const std::vector<Tensor>& theirs) {
  check(ours.size() == theirs.size(), "convert: expected {} outputs, got {}", ours.size(), theirs.size());
  Difference result;
  for (std::size_t k = 0; k < ours.size(); ++k) {
    check(ours[k].shape().without(0) == theirs[k].shape().without(0),
          "convert: expected outputs {}, got {}; the axes of the files differ", ours[k].shape(), theirs[k].shape());
    const std::vector<double> a = ours[k].to_vector(), b = theirs[k].to_vector();
    double largest = 0, size = 1e-30;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {  // a file may have one sample as its batch
      check(std::isfinite(a[i]) && std::isfinite(b[i]), "convert: expected finite outputs, got {} and {}", a[i], b[i]);
      largest = std::max(largest, std::abs(a[i] - b[i]));
      size = std::max(size, std::abs(a[i]));
    }
    result.largest = std::max(result.largest, largest);
    result.relative = std::max(result.relative, largest / size);
  }
  return result;
}

ForeignResult foreign_outputs(const std::string& python, const fs::path& path, ModelFormat format,
                              const std::vector<Tensor>& inputs) {
  const TemporaryFolder folder("convert");
  std::ofstream(folder / "run.py") << script;
  std::ofstream(folder / "job.json") << nlohmann::json{{"format", to_string(format)},
                                                       {"inputs", written_inputs(inputs, folder)}};
  const std::string log = (folder / "log").string();
  const int status =
      std::system(fmt::format("{} {} {} {} > {} 2>&1", shell_text(python), shell_text((folder / "run.py").string()),
                              shell_text(path.string()), shell_text((folder / "").string()), shell_text(log))
                      .c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  const std::string last = last_line(text_of(log)), runtime = format == ModelFormat::onnx ? "onnxruntime" : "Keras";
  const std::string said = last.empty() ? fmt::format("exit status {} without a message", code) : last;
  if (code == 3 || code == 126 || code == 127) return {runtime, {}, said};
  check(code == 0, "convert: expected {} to run {}, got: {}", runtime, path.string(), said);
  check(fs::exists(folder / "result.json"), "convert: expected outputs of {} for {}, got none; is {} a Python?",
        runtime, path.string(), python);
  const nlohmann::json result = nlohmann::json::parse(text_of(folder / "result.json"));
  return {result["runtime"].get<std::string>(), read_outputs(result["shapes"], folder), ""};
}

}  // namespace xtape
