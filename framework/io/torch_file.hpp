// Files of PyTorch's torch.save() (.pt, .pth) with tensors, read without Python.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// Whether a file was made by torch.save(): a zip archive with an entry data.pkl, or the format before PyTorch 1.6,
/// which list_torch_file() explains that it does not read. Error with `function` and the path if the file cannot be
/// opened.
bool is_torch_file(std::string_view function, const std::filesystem::path& path);

/// Describes the tensors of a state_dict in a file of torch.save() (PyTorch 1.6 or later), in its order. An array is
/// read when its read() is called; the file stays open until then. Nothing in the file is executed: the reader knows
/// dictionaries, lists, tuples, texts, numbers and tensors, and throws Error with the name of any other Python object.
///
/// In a checkpoint, such as {"epoch": 3, "state_dict": {...}, "optimizer": {...}}, the dictionary that holds tensors
/// is taken; of several the first of "state_dict", "model_state_dict" and "model". Error with their names if that does
/// not decide. Strides and shared storages are resolved. float16 and bfloat16 become float32, integers of 8 to 32 bits
/// int64, and booleans uint8. Tensors of other types (complex numbers), or with more than 8 axes, are listed without a
/// dtype; numbers and texts in the dictionary likewise.
///
/// Error with the path if the file is damaged: sizes, strides and offsets are compared with the storages before memory
/// is allocated. `function` begins the messages.
std::vector<StoredTensor> list_torch_file(std::string_view function, const std::filesystem::path& path);

}  // namespace xtape
