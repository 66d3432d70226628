// All of xtape but <xtape/xarray.hpp>, the bridge to xtensor, which costs seconds to compile.
#pragma once

#include "framework/autograd/finite_check.hpp"
#include "framework/autograd/forward_pass.hpp"
#include "framework/autograd/profiler.hpp"
#include "framework/io/hdf5.hpp"
#include "framework/io/idx.hpp"
#include "framework/io/image.hpp"
#include "framework/io/resize.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/kernels/instruction_set.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/ops/ops.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/tensor.hpp"
#include "framework/version.hpp"
#include "gradcheck/gradient_check.hpp"
#include "gradcheck/layer_check.hpp"
#include "gradcheck/model_check.hpp"
#include "layers/layers.hpp"
#include "models/conv_net.hpp"
#include "models/model.hpp"
#include "models/model_file.hpp"
#include "models/multiply_adds.hpp"
#include "models/plot.hpp"
#include "models/resnet50.hpp"
#include "models/weights.hpp"
#include "optim/adam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/schedule.hpp"
#include "optim/sgd.hpp"
#include "training/adapt.hpp"
#include "training/batch_norm_recalibration.hpp"
#include "training/callbacks.hpp"
#include "training/checkpoint.hpp"
#include "training/data_loader.hpp"
#include "training/dataset.hpp"
#include "training/evaluate.hpp"
#include "training/fit.hpp"
#include "training/history.hpp"
#include "training/image_folder.hpp"
#include "training/interrupt.hpp"
#include "training/metric.hpp"
#include "training/metrics.hpp"
#include "training/profile.hpp"
#include "training/report.hpp"

namespace xtape {
using kernels::available_instruction_sets;
using kernels::exact_convolutions;
using kernels::instruction_set;
using kernels::InstructionSet;
using kernels::num_threads;
using kernels::set_exact_convolutions;
using kernels::set_instruction_set;
using kernels::set_num_threads;
}  // namespace xtape
