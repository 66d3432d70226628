/* Runs a trained model from C: predict MODEL FILE ... prints the outputs, one line for each sample. There is one file
 * for each input of the model. It holds the numbers of all samples in row-major order, as NumPy's tofile() writes them.
 * Without files the program describes the model.
 *
 *   cc -std=c99 predict.c -o predict $(pkg-config --cflags --libs xtape)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <xtape/xtape.h>

static void fail(const char* message) {
  fprintf(stderr, "predict: %s\n", message);
  exit(2);
}

/* Ends the program unless a call succeeded. */
static void require(xtape_status status) {
  if (status != XTAPE_OK) fail(xtape_last_error());
}

static void* allocate(size_t bytes) {
  void* memory = malloc(bytes > 0 ? bytes : 1);
  if (!memory) fail("not enough memory");
  return memory;
}

static size_t size_of(xtape_dtype dtype) {
  switch (dtype) {
    case XTAPE_FLOAT32: return 4;
    case XTAPE_UINT8: return 1;
    default: return 8;
  }
}

static void print_port(const char* kind, const char* name, xtape_dtype dtype, const int64_t* shape, size_t rank) {
  static const char* const names[] = {"?", "float32", "float64", "int64", "uint8"};
  size_t axis;
  printf("%s %s: %s (", kind, name, names[dtype]);
  for (axis = 0; axis < rank; ++axis) printf("%s%" PRId64, axis > 0 ? ", " : "", shape[axis]);
  printf(")\n");
}

static void describe(const xtape_model* model) {
  const char* name;
  const int64_t* shape;
  xtape_dtype dtype;
  size_t i, count, rank;
  require(xtape_model_input_count(model, &count));
  for (i = 0; i < count; ++i) {
    require(xtape_model_input_name(model, i, &name));
    require(xtape_model_input_dtype(model, i, &dtype));
    require(xtape_model_input_shape(model, i, &shape, &rank));
    print_port("input", name, dtype, shape, rank);
  }
  require(xtape_model_output_count(model, &count));
  for (i = 0; i < count; ++i) {
    require(xtape_model_output_name(model, i, &name));
    require(xtape_model_output_dtype(model, i, &dtype));
    require(xtape_model_output_shape(model, i, &shape, &rank));
    print_port("output", name, dtype, shape, rank);
  }
  require(xtape_model_class_count(model, &count));
  for (i = 0; i < count; ++i) {
    require(xtape_model_class_name(model, i, &name));
    printf("class %zu: %s\n", i, name);
  }
  require(xtape_model_image_scale(model, &name));
  if (*name) printf("images: %s\n", name);
}

/* All bytes of a file. */
static void* read_file(const char* path, size_t* bytes) {
  FILE* file = fopen(path, "rb");
  long size = -1;
  void* data;
  if (file && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
  if (size < 0 || fseek(file, 0, SEEK_SET) != 0) fail("expected files that can be read");
  data = allocate((size_t)size);
  if (fread(data, 1, (size_t)size, file) != (size_t)size) fail("expected files that can be read");
  fclose(file);
  *bytes = (size_t)size;
  return data;
}

/* The samples of a file as a tensor for an input of the model. */
static xtape_tensor* read_input(const xtape_model* model, size_t index, const char* path) {
  const int64_t* shape;
  int64_t extents[8];
  xtape_dtype dtype;
  size_t rank, axis, bytes, sample;
  xtape_tensor* tensor;
  void* data = read_file(path, &bytes);
  require(xtape_model_input_dtype(model, index, &dtype));
  require(xtape_model_input_shape(model, index, &shape, &rank));
  sample = size_of(dtype);
  for (axis = 1; axis < rank; ++axis) {
    if (shape[axis] < 0) fail("expected a model whose samples have one size; this program cannot know another");
    extents[axis] = shape[axis];
    sample *= (size_t)shape[axis];
  }
  extents[0] = (int64_t)(bytes / sample);
  require(xtape_tensor_new(dtype, extents, rank, data, bytes, &tensor));
  free(data);
  return tensor;
}

/* Prints the values of an output, one line for each sample. */
static void print_output(const xtape_model* model, size_t index, const xtape_tensor* tensor) {
  const char* name;
  const int64_t* shape;
  const void* data;
  xtape_dtype dtype;
  size_t rank, bytes, samples, values, i;
  require(xtape_model_output_name(model, index, &name));
  require(xtape_tensor_dtype(tensor, &dtype));
  require(xtape_tensor_shape(tensor, &shape, &rank));
  require(xtape_tensor_data(tensor, &data, &bytes));
  samples = (size_t)shape[0];
  values = bytes / size_of(dtype) / samples;
  for (i = 0; i < samples * values; ++i) {
    if (i % values == 0) printf("%s[%zu]:", name, i / values);
    switch (dtype) {
      case XTAPE_FLOAT32: printf(" %.9g", ((const float*)data)[i]); break;
      case XTAPE_FLOAT64: printf(" %.17g", ((const double*)data)[i]); break;
      case XTAPE_INT64: printf(" %" PRId64, ((const int64_t*)data)[i]); break;
      default: printf(" %u", ((const uint8_t*)data)[i]);
    }
    if (i % values == values - 1) printf("\n");
  }
}

int main(int argc, char** argv) {
  xtape_model* model;
  xtape_tensor **inputs, **outputs;
  size_t input_count, output_count, i;
  if (argc < 2) fail("expected a model and a file for each of its inputs");
  require(xtape_model_load(argv[1], 0, &model));
  if (argc == 2) {
    describe(model);
    xtape_model_free(model);
    return 0;
  }
  input_count = (size_t)argc - 2;
  require(xtape_model_output_count(model, &output_count));
  inputs = allocate(input_count * sizeof *inputs);
  outputs = allocate(output_count * sizeof *outputs);
  for (i = 0; i < input_count; ++i) inputs[i] = read_input(model, i, argv[2 + i]);
  require(xtape_model_run(model, inputs, input_count, outputs, output_count));
  for (i = 0; i < output_count; ++i) print_output(model, i, outputs[i]);
  for (i = 0; i < output_count; ++i) xtape_tensor_free(outputs[i]);
  for (i = 0; i < input_count; ++i) xtape_tensor_free(inputs[i]);
  free(outputs);
  free(inputs);
  xtape_model_free(model);
  return 0;
}
