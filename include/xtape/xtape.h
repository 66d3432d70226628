/** @file
 * @brief The C interface of xtape: load a trained model and run it, from C99 or any language that calls C functions.
 *
 * Every function that can fail returns a status, XTAPE_OK (0) on success. After a failure xtape_last_error() returns
 * what was expected and what was given. No C++ exception leaves a function. Null pointers, invalid numbers and wrong
 * sizes are reported as XTAPE_INVALID_ARGUMENT.
 *
 * Threads: any number of threads may call any functions at the same time, also with the same model and the same
 * tensors, as long as no thread frees them. The results do not depend on other calls.
 *
 * Compatibility: handles are opaque, and no struct is part of the interface. Later versions of the library add
 * functions and codes but do not change existing ones, unless xtape_abi_version() changes.
 */
#ifndef XTAPE_H
#define XTAPE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The result of a call: one of the constants below. */
typedef int32_t xtape_status;
/** Values of xtape_status. */
enum {
  XTAPE_OK = 0,               /**< success */
  XTAPE_INVALID_ARGUMENT = 1, /**< an argument is null, out of range, or does not fit the model */
  XTAPE_CANNOT_LOAD = 2,      /**< the file cannot be read, is damaged, or has a model that xtape does not support */
  XTAPE_CANNOT_RUN = 3,       /**< the model cannot compute its outputs for inputs of these sizes */
  XTAPE_OUT_OF_MEMORY = 4,    /**< the system has not enough memory */
  XTAPE_INTERNAL_ERROR = 5    /**< an error in the library */
};

/** An element type: one of the constants below. */
typedef int32_t xtape_dtype;
/** Values of xtape_dtype. */
enum {
  XTAPE_FLOAT32 = 1, /**< float, IEEE 754 with 32 bits */
  XTAPE_FLOAT64 = 2, /**< double, IEEE 754 with 64 bits */
  XTAPE_INT64 = 3,   /**< int64_t */
  XTAPE_UINT8 = 4    /**< uint8_t */
};

/** Flags of xtape_model_load(). */
enum {
  /** Images of an ONNX file keep its order of axes, (n, channels, height, width). Without this flag images have the
   * order of all other formats, (n, height, width, channels). An error for files of other formats. */
  XTAPE_CHANNELS_FIRST = 1
};

/** The version of the interface that this header describes; see xtape_abi_version(). */
enum { XTAPE_ABI_VERSION = 1 };

/** A trained model. */
typedef struct xtape_model xtape_model;
/** An array with element type and shape. It never changes. */
typedef struct xtape_tensor xtape_tensor;

/** The version of the library, such as "0.2.0". */
const char* xtape_version(void);
/** The version of the interface of the library. A program that loads the library at run time compares it with the
 * XTAPE_ABI_VERSION that it was written for. */
int32_t xtape_abi_version(void);
/** The message of the last call that failed in this thread; "" before the first failure. A call that succeeds does not
 * change it. The text is valid until the next call that fails in this thread. */
const char* xtape_last_error(void);

/** Loads a model: a safetensors file of xtape, a .keras or HDF5 file of Keras, or an ONNX file. The content of the file
 * decides which it is; ".onnx" at the end of the name says that a file without a signature is ONNX. `path` is in the
 * encoding of the file system. `flags` is 0 or XTAPE_CHANNELS_FIRST. On failure *model is NULL. */
xtape_status xtape_model_load(const char* path, uint32_t flags, xtape_model** model);
/** Frees a model. Null is ignored. Tensors that the model has computed stay valid. */
void xtape_model_free(xtape_model* model);

/** The number of inputs. */
xtape_status xtape_model_input_count(const xtape_model* model, size_t* count);
/** The name of an input; `index` counts from 0. The text belongs to the model. */
xtape_status xtape_model_input_name(const xtape_model* model, size_t index, const char** name);
/** The element type of an input. Inputs of XTAPE_FLOAT32 and XTAPE_FLOAT64 accept both types. */
xtape_status xtape_model_input_dtype(const xtape_model* model, size_t index, xtape_dtype* dtype);
/** The shape of an input. The first extent, the number of samples, is -1, because it may be any number; so are other
 * extents that the model leaves open. The array belongs to the model. */
xtape_status xtape_model_input_shape(const xtape_model* model, size_t index, const int64_t** shape, size_t* rank);

/** The number of outputs. */
xtape_status xtape_model_output_count(const xtape_model* model, size_t* count);
/** The name of an output: that of the layer that computes it. The text belongs to the model. */
xtape_status xtape_model_output_name(const xtape_model* model, size_t index, const char** name);
/** The element type of an output. */
xtape_status xtape_model_output_dtype(const xtape_model* model, size_t index, xtape_dtype* dtype);
/** The shape of an output, as xtape_model_input_shape(). */
xtape_status xtape_model_output_shape(const xtape_model* model, size_t index, const int64_t** shape, size_t* rank);

/** The number of class names that the file of the model has, one for each value of the first output; 0 if it has none.
 * Files of xtape and ONNX have them if they were saved with them; files of Keras never do. */
xtape_status xtape_model_class_count(const xtape_model* model, size_t* count);
/** The name of a class, in UTF-8; `index` counts from 0. The text belongs to the model. */
xtape_status xtape_model_class_name(const xtape_model* model, size_t index, const char** name);
/** The numbers in which the model expects the pixels of images, if its file says it, otherwise "": "0..1", "0..255",
 * "-1..1" or another LOW..HIGH, where LOW is black and HIGH is white; "imagenet", which is (p - mean) / deviation for
 * pixels p from 0 to 1, with the mean (0.485, 0.456, 0.406) and the deviation (0.229, 0.224, 0.225) of red, green and
 * blue; "caffe", which is blue, green, red from 0 to 255, minus (103.939, 116.779, 123.68). xtape_model_run() does not
 * apply it. The text belongs to the model. */
xtape_status xtape_model_image_scale(const xtape_model* model, const char** scale);

/** Makes a tensor of `rank` extents with a copy of the elements at `data`, in row-major order (the last axis is
 * contiguous). `bytes` is the size of the data; it must be that of all elements. At most 8 axes. `shape` may be null if
 * the rank is 0, and `data` if there are no elements. On failure *tensor is NULL. */
xtape_status xtape_tensor_new(xtape_dtype dtype, const int64_t* shape, size_t rank, const void* data, size_t bytes,
                              xtape_tensor** tensor);
/** Frees a tensor. Null is ignored. */
void xtape_tensor_free(xtape_tensor* tensor);
/** The element type. */
xtape_status xtape_tensor_dtype(const xtape_tensor* tensor, xtape_dtype* dtype);
/** The extents. The array belongs to the tensor. */
xtape_status xtape_tensor_shape(const xtape_tensor* tensor, const int64_t** shape, size_t* rank);
/** The elements in row-major order, and their size in bytes. The memory belongs to the tensor. */
xtape_status xtape_tensor_data(const xtape_tensor* tensor, const void** data, size_t* bytes);

/** Computes the outputs of the model for a batch: one tensor for each input, in the order of the model, all with the
 * same number of samples, at least one. The counts must be those of the model, and the arrays must not overlap. Writes
 * a new tensor for each output to `outputs`; the caller frees them. If the call fails after counts and arrays were
 * checked, all entries of `outputs` are NULL. */
xtape_status xtape_model_run(const xtape_model* model, xtape_tensor* const* inputs, size_t input_count,
                             xtape_tensor** outputs, size_t output_count);

#ifdef __cplusplus
}
#endif

#endif
