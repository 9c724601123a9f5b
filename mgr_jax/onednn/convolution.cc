// oneDNN's convolutions as custom calls of XLA, for the CPU: the convolution and its gradients.
//
// Activations are [batch, spatial..., channels], kernels [size..., inputs, outputs], float32 or
// bfloat16, as JAX has them. Where a kernel has one input and the activations have several channels,
// each channel is convolved by itself. Built for both major versions of oneDNN, 2 and 3.

#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using dnnl::memory;
using Buffer = ffi::AnyBuffer;
using Numbers = ffi::Span<const int64_t>;

enum class Pass { kForward, kInputGradient, kKernelGradient };

// Lengths along the spatial axes, as attributes of the call.
struct Places {
  Numbers strides, before, after, dilation;
};

struct Operands {
  Buffer input, kernel, output;
};

struct Compiled {
  dnnl::primitive primitive;
  memory::desc kernel;  // the order of axes that the primitive wants the kernel in
};

memory::data_type TypeOf(const Buffer& buffer) {
  return buffer.element_type() == ffi::DataType::BF16 ? memory::data_type::bf16
                                                      : memory::data_type::f32;
}

memory::desc DescribeActivations(const Buffer& buffer) {
  auto sizes = buffer.dimensions();
  memory::dims dims{sizes.front(), sizes.back()};
  dims.insert(dims.end(), sizes.begin() + 1, sizes.end() - 1);
  using Tag = memory::format_tag;
  Tag tag = dims.size() == 3 ? Tag::nwc : dims.size() == 4 ? Tag::nhwc : Tag::ndhwc;
  return {dims, TypeOf(buffer), tag};
}

bool IsDepthwise(const Operands& on) {
  auto sizes = on.kernel.dimensions();
  return sizes[sizes.size() - 2] == 1 && on.input.dimensions().back() > 1;
}

memory::dims KernelDims(const Operands& on) {
  auto sizes = on.kernel.dimensions();
  size_t axes = sizes.size() - 2;
  memory::dims dims{sizes[axes + 1], sizes[axes]};
  if (IsDepthwise(on)) dims = {sizes[axes + 1], 1, 1};
  dims.insert(dims.end(), sizes.begin(), sizes.begin() + axes);
  return dims;
}

memory::desc DescribeKernel(const Operands& on) {
  using Tag = memory::format_tag;
  const size_t axes = on.kernel.dimensions().size() - 2;
  Tag tag = axes == 1 ? Tag::wio : axes == 2 ? Tag::hwio : Tag::dhwio;
  if (IsDepthwise(on)) tag = axes == 1 ? Tag::wigo : axes == 2 ? Tag::hwigo : Tag::dhwigo;
  return {KernelDims(on), TypeOf(on.kernel), tag};
}

memory::dims Copy(Numbers numbers, int64_t add = 0) {
  memory::dims result(numbers.begin(), numbers.end());
  for (auto& number : result) number += add;
  return result;
}

dnnl::engine& Engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& Stream() {
  static dnnl::stream stream(Engine());
  return stream;
}

template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc Describe(const dnnl::convolution_forward::primitive_desc* hint,
                                            const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  if constexpr (std::is_same_v<Primitive, dnnl::convolution_forward>) {
    return {Engine(), dnnl::prop_kind::forward_training, arguments...};
  } else {
    return {Engine(), arguments..., *hint};
  }
#else
  if constexpr (std::is_same_v<Primitive, dnnl::convolution_forward>) {
    return {{dnnl::prop_kind::forward_training, arguments...}, Engine()};
  } else {
    return {{arguments...}, Engine(), *hint};
  }
#endif
}

Compiled Compile(Pass pass, const Operands& on, const Places& places) {
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const memory::desc input = DescribeActivations(on.input);
  const memory::desc output = DescribeActivations(on.output);
  const memory::desc kernel(KernelDims(on), TypeOf(on.kernel), memory::format_tag::any);
  const memory::dims strides = Copy(places.strides), before = Copy(places.before),
                     after = Copy(places.after), between = Copy(places.dilation, -1);
  auto describe = [&](auto* primitive, const auto* hint) {
    using Primitive = std::remove_pointer_t<decltype(primitive)>;
    return Describe<Primitive>(hint, algorithm, input, kernel, output, strides, between, before,
                               after);
  };
  using Hint = const dnnl::convolution_forward::primitive_desc*;
  auto forward = describe(static_cast<dnnl::convolution_forward*>(nullptr), Hint{nullptr});
  switch (pass) {
    case Pass::kForward:
      return {dnnl::convolution_forward(forward), forward.weights_desc()};
    case Pass::kInputGradient: {
      auto made = describe(static_cast<dnnl::convolution_backward_data*>(nullptr), &forward);
      return {dnnl::convolution_backward_data(made), made.weights_desc()};
    }
    default: {
      auto made = describe(static_cast<dnnl::convolution_backward_weights*>(nullptr), &forward);
      return {dnnl::convolution_backward_weights(made), made.diff_weights_desc()};
    }
  }
}

// Compiling takes longer than many convolutions do.
const Compiled& Find(Pass pass, const Operands& on, const Places& places) {
  static std::map<std::vector<int64_t>, Compiled> compiled;
  std::vector<int64_t> key{static_cast<int64_t>(pass),
                           static_cast<int64_t>(on.input.element_type())};
  for (const Buffer& buffer : {on.input, on.kernel, on.output}) {
    auto sizes = buffer.dimensions();
    key.insert(key.end(), sizes.begin(), sizes.end());
  }
  for (Numbers numbers : {places.strides, places.before, places.after, places.dilation}) {
    key.insert(key.end(), numbers.begin(), numbers.end());
  }
  auto found = compiled.find(key);
  if (found == compiled.end()) found = compiled.emplace(key, Compile(pass, on, places)).first;
  return found->second;
}

void Execute(Pass pass, const Operands& on, const Places& places) {
  // Every call uses all cores, so that two at a time would only be in each other's way.
  static std::mutex one_at_a_time;
  std::lock_guard<std::mutex> held(one_at_a_time);
  const Compiled& compiled = Find(pass, on, places);
  auto& stream = Stream();
  memory input(DescribeActivations(on.input), Engine(), on.input.untyped_data());
  memory output(DescribeActivations(on.output), Engine(), on.output.untyped_data());
  memory given(DescribeKernel(on), Engine(), on.kernel.untyped_data());
  const bool reorders = compiled.kernel != given.get_desc();
  memory kernel = reorders ? memory(compiled.kernel, Engine()) : given;
  if (reorders && pass != Pass::kKernelGradient) {
    dnnl::reorder(given, kernel).execute(stream, given, kernel);
  }
  std::unordered_map<int, memory> arguments;
  switch (pass) {
    case Pass::kForward:
      arguments = {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, kernel}, {DNNL_ARG_DST, output}};
      break;
    case Pass::kInputGradient:
      arguments = {{DNNL_ARG_DIFF_SRC, input},
                   {DNNL_ARG_WEIGHTS, kernel},
                   {DNNL_ARG_DIFF_DST, output}};
      break;
    case Pass::kKernelGradient:
      arguments = {{DNNL_ARG_SRC, input},
                   {DNNL_ARG_DIFF_WEIGHTS, kernel},
                   {DNNL_ARG_DIFF_DST, output}};
  }
  compiled.primitive.execute(stream, arguments);
  if (reorders && pass == Pass::kKernelGradient) {
    dnnl::reorder(kernel, given).execute(stream, kernel, given);
  }
  stream.wait();
}

template <Pass pass>
ffi::Error Run(Buffer first, Buffer second, ffi::Result<Buffer> result, Numbers strides,
               Numbers before, Numbers after, Numbers dilation) {
  const Places places{strides, before, after, dilation};
  try {
    if constexpr (pass == Pass::kForward) {
      Execute(pass, {first, second, *result}, places);
    } else if constexpr (pass == Pass::kInputGradient) {
      Execute(pass, {*result, second, first}, places);
    } else {
      Execute(pass, {first, *result, second}, places);
    }
  } catch (const std::exception& error) {
    return ffi::Error::Internal(error.what());
  }
  return ffi::Error::Success();
}

auto Bound() {
  return ffi::Ffi::Bind()
      .Arg<Buffer>()
      .Arg<Buffer>()
      .Ret<Buffer>()
      .Attr<Numbers>("strides")
      .Attr<Numbers>("before")
      .Attr<Numbers>("after")
      .Attr<Numbers>("dilation");
}

}  // namespace

// (input, kernel) → output
XLA_FFI_DEFINE_HANDLER_SYMBOL(mgr_jax_convolve, Run<Pass::kForward>, Bound());
// (gradient of the output, kernel) → gradient of the input
XLA_FFI_DEFINE_HANDLER_SYMBOL(mgr_jax_input_gradient, Run<Pass::kInputGradient>, Bound());
// (input, gradient of the output) → gradient of the kernel
XLA_FFI_DEFINE_HANDLER_SYMBOL(mgr_jax_kernel_gradient, Run<Pass::kKernelGradient>, Bound());

extern "C" const char* mgr_jax_onednn_version() {
  static const auto* version = dnnl_version();
  static const std::string text = std::to_string(version->major) + "." +
                                  std::to_string(version->minor) + "." +
                                  std::to_string(version->patch);
  return text.c_str();
}

// Whether the processor multiplies bfloat16 by itself; otherwise oneDNN refuses it or is slow.
extern "C" int mgr_jax_onednn_has_bfloat16() {
  using dnnl::cpu_isa;
  switch (dnnl::get_effective_cpu_isa()) {
    case cpu_isa::avx512_core_bf16:
    case cpu_isa::avx512_core_amx:
#if DNNL_VERSION_MAJOR >= 3
    case cpu_isa::avx512_core_fp16:
    case cpu_isa::avx512_core_amx_fp16:
#endif
      return 1;
    default:
      return 0;
  }
}
