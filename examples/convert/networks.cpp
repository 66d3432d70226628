#include "examples/convert/networks.hpp"

#include <map>

namespace xtape {
namespace {

using Maker = std::function<Model(const NetworkOptions&)>;

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> all = [] {
    std::map<std::string, Maker> rows{
        {"efficientnet_b0", efficientnet_b0},
        {"mobilenet_v1", [](const NetworkOptions& o) { return mobilenet_v1(o); }},
        {"mobilenet_v2", [](const NetworkOptions& o) { return mobilenet_v2(o); }},
        {"mobilenet_v3_small", [](const NetworkOptions& o) { return mobilenet_v3(MobileNetSize::small, o); }},
        {"mobilenet_v3_large", [](const NetworkOptions& o) { return mobilenet_v3(MobileNetSize::large, o); }}};
    const auto add = [&](const std::string& name, const std::vector<int>& depths, auto make, const std::string& end) {
      for (const int depth : depths) {
        rows[fmt::format("{}{}{}", name, depth, end)] = [=](const NetworkOptions& o) { return make(depth, o); };
      }
    };
    add("resnet", {18, 34, 50, 101, 152}, resnet, "");
    add("resnet", {50, 101, 152}, resnet_v2, "_v2");
    add("cifar_resnet", {20, 32, 44, 56, 110}, cifar_resnet, "");
    add("vgg", {11, 13, 16, 19}, vgg, "");
    add("densenet", {121, 169, 201}, densenet, "");
    return rows;
  }();
  return all;
}

}  // namespace

std::string network_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : makers()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Model network_of_name(const std::string& name, const NetworkOptions& options) {
  const auto found = makers().find(name);
  check(found != makers().end(), "convert: expected a --network of {}; got {}", network_names(), name);
  return found->second(options);
}

}  // namespace xtape
