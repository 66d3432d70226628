// Values of options in Keras's JSON: every initializer, regularizer, constraint and activation function by all names
// that Keras documents, in both directions.
#include "models/files/keras/keras_values.hpp"

#include "tests/support/plain_json.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

struct ValueRow {
  const char* ours;                ///< in a LayerConfig
  std::vector<const char*> given;  ///< in files of Keras
  const char* written;             ///< class and config in Keras 3
};

void check_rows(const std::vector<ValueRow>& rows, Json (*read)(const Json&), Json (*write)(const Json&),
                const std::string& package) {
  for (const ValueRow& row : rows) {
    INFO(row.ours);
    const Json ours = Json::parse(row.ours);
    for (const char* given : row.given) {
      INFO(given);
      CHECK(test::plain(read(Json::parse(given))) == test::plain(ours));
    }
    const nlohmann::json keras = test::plain(write(ours));
    CHECK(keras.at("module") == package);
    CHECK(keras.at("registered_name") == nullptr);
    CHECK(nlohmann::json::array({keras.at("class_name"), keras.at("config")}) == nlohmann::json::parse(row.written));
    CHECK(test::plain(read(write(ours))) == test::plain(ours));
  }
}

TEST_CASE("every initializer of Keras is read by all its names, and written by the name of its class") {
  const std::vector<ValueRow> rows{
      {R"({"name": "glorot_uniform"})",
       {R"("glorot_uniform")", R"({"class_name": "GlorotUniform", "config": {"seed": 3}})"},
       R"(["GlorotUniform", {}])"},
      {R"({"name": "glorot_normal"})",
       {R"("glorot_normal")", R"({"class_name": "GlorotNormal", "config": {}})"},
       R"(["GlorotNormal", {}])"},
      {R"({"name": "he_uniform"})",
       {R"("he_uniform")", R"({"class_name": "HeUniform", "config": {}})"},
       R"(["HeUniform", {}])"},
      {R"({"name": "he_normal"})",
       {R"("he_normal")", R"({"class_name": "HeNormal", "config": {}})"},
       R"(["HeNormal", {}])"},
      {R"({"name": "lecun_uniform"})",
       {R"("lecun_uniform")", R"({"class_name": "LecunUniform", "config": {}})"},
       R"(["LecunUniform", {}])"},
      {R"({"name": "lecun_normal"})",
       {R"("lecun_normal")", R"({"class_name": "LecunNormal", "config": {}})"},
       R"(["LecunNormal", {}])"},
      {R"({"name": "zeros"})",
       {R"("zero")", R"("zeros")", R"({"class_name": "Zeros", "config": {}})"},
       R"(["Zeros", {}])"},
      {R"({"name": "ones"})", {R"("one")", R"("ones")", R"({"class_name": "Ones", "config": {}})"}, R"(["Ones", {}])"},
      {R"({"name": "constant", "value": 0.5})",
       {R"({"class_name": "Constant", "config": {"value": 0.5}})"},
       R"(["Constant", {"value": 0.5}])"},
      {R"({"name": "random_uniform"})", {R"("uniform")", R"("random_uniform")"}, R"(["RandomUniform", {}])"},
      {R"({"name": "random_uniform", "low": -1.5, "high": 2.5})",
       {R"({"class_name": "RandomUniform", "config": {"minval": -1.5, "maxval": 2.5, "seed": null}})"},
       R"(["RandomUniform", {"minval": -1.5, "maxval": 2.5}])"},
      {R"({"name": "random_normal"})", {R"("normal")", R"("random_normal")"}, R"(["RandomNormal", {}])"},
      {R"({"name": "random_normal", "mean": 1.5, "deviation": 0.25})",
       {R"({"class_name": "RandomNormal", "config": {"mean": 1.5, "stddev": 0.25}})"},
       R"(["RandomNormal", {"mean": 1.5, "stddev": 0.25}])"},
      {R"({"name": "truncated_normal", "mean": 1.5, "deviation": 0.25})",
       {R"({"class_name": "TruncatedNormal", "config": {"mean": 1.5, "stddev": 0.25}})"},
       R"(["TruncatedNormal", {"mean": 1.5, "stddev": 0.25}])"},
      {R"({"name": "variance_scaling", "scale": 2.5, "mode": "fan_out", "distribution": "truncated_normal"})",
       {R"({"class_name": "VarianceScaling",
            "config": {"scale": 2.5, "mode": "fan_out", "distribution": "truncated_normal"}})",
        R"({"class_name": "VarianceScaling",
            "config": {"scale": 2.5, "mode": "fan_out", "distribution": "normal"}})"},  // before Keras 2.2.3
       R"(["VarianceScaling", {"scale": 2.5, "mode": "fan_out", "distribution": "truncated_normal"}])"},
      {R"({"name": "orthogonal", "gain": 2.5})",
       {R"({"class_name": "Orthogonal", "config": {"gain": 2.5}})",
        R"({"class_name": "OrthogonalInitializer", "config": {"gain": 2.5}})"},
       R"(["Orthogonal", {"gain": 2.5}])"},
      {R"({"name": "identity", "gain": 2.5})",
       {R"({"class_name": "Identity", "config": {"gain": 2.5}})",
        R"({"class_name": "IdentityInitializer", "config": {"gain": 2.5}})"},
       R"(["Identity", {"gain": 2.5}])"},
  };
  check_rows(rows, initializer_from_keras, initializer_to_keras, "keras.initializers");
  // Custom ones have no values of their own; the file has those of the parameters.
  CHECK(initializer_from_keras(Json::parse(R"({"class_name": "Mine", "config": {"a": 1}})")).dump() ==
        R"({"name":"mine"})");
  CHECK(initializer_from_keras(Json::parse(R"({"class_name": "Constant", "config": {"value": [1, 2]}})")).dump() ==
        R"({"name":"constant of arrays"})");
  CHECK(error_of([] {
          initializer_to_keras({{"name", "mine"}});
        }) == "expected an initializer that Keras has, got mine; make the layer with one of xtape's");
  CHECK(error_of([] { initializer_from_keras(7); }) ==
        "expected a name, or an object with class_name and config, got 7");
}

TEST_CASE("every regularizer of Keras is read by all its names, and written by the name of its class") {
  const std::vector<ValueRow> rows{
      {R"({"l1": 0.01})",
       {R"("l1")", R"({"class_name": "L1", "config": {"l1": 0.01}})"},
       R"(["L1L2", {"l1": 0.01, "l2": 0.0}])"},
      {R"({"l2": 0.01})",
       {R"("l2")", R"({"class_name": "L2", "config": {"l2": 0.01}})"},
       R"(["L1L2", {"l1": 0.0, "l2": 0.01}])"},
      {R"({"l1": 0.01, "l2": 0.01})", {R"("l1_l2")"}, R"(["L1L2", {"l1": 0.01, "l2": 0.01}])"},
      {R"({"l1": 0.5, "l2": 0.25})",
       {R"({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}})",
        R"({"class_name": "L1L2Regularizer", "config": {"l1": 0.5, "l2": 0.25}})",    // Keras 1
        R"({"class_name": "WeightRegularizer", "config": {"l1": 0.5, "l2": 0.25}})",  // Keras 1.0
        R"({"name": "L1L2Regularizer", "l1": 0.5, "l2": 0.25})"},
       R"(["L1L2", {"l1": 0.5, "l2": 0.25}])"},
      {R"({"orthogonal": 0.01, "vectors": "rows"})",
       {R"({"class_name": "OrthogonalRegularizer", "config": {}})"},
       R"(["OrthogonalRegularizer", {"factor": 0.01, "mode": "rows"}])"},
      {R"({"orthogonal": 0.5, "vectors": "columns"})",
       {R"({"class_name": "OrthogonalRegularizer", "config": {"factor": 0.5, "mode": "columns"}})"},
       R"(["OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}])"},
  };
  check_rows(rows, regularizer_from_keras, regularizer_to_keras, "keras.regularizers");
  CHECK(regularizer_from_keras(nullptr) == nullptr);
  CHECK(regularizer_to_keras(nullptr) == nullptr);
  CHECK(regularizer_from_keras(Json::parse(R"({"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.0}})")) == nullptr);
  CHECK(error_of([] { regularizer_from_keras(Json::parse(R"({"class_name": "L2", "config": {"l2": "x"}})")); }) ==
        "l2: expected a number, got \"x\"");
  CHECK(error_of([] { regularizer_from_keras("l3"); }) ==
        "expected L1, L2, L1L2 or OrthogonalRegularizer, got \"l3\"; xtape has no other regularizers");
  CHECK(error_of([] {
          regularizer_to_keras({{"orthogonal", 1.0}, {"vectors", "rows"}, {"l1", 0.5}});
        }) == "expected a regularizer that Keras has, got orthogonal together with l1 or l2");
}

TEST_CASE("every constraint of Keras is read by all its names, and written by the name of its class") {
  const std::vector<ValueRow> rows{
      {R"({"name": "max_norm", "max_value": 2.5, "axes": [0, 1]})",
       {R"({"class_name": "MaxNorm", "config": {"max_value": 2.5, "axis": [0, 1]}})",
        R"({"class_name": "MaxNorm", "config": {"m": 2.5, "axis": [0, 1]}})",  // Keras 1
        R"({"name": "MaxNorm", "m": 2.5, "axis": [0, 1]})"},
       R"(["MaxNorm", {"max_value": 2.5, "axis": [0, 1]}])"},
      {R"({"name": "unit_norm", "axes": [1]})",
       {R"({"class_name": "UnitNorm", "config": {"axis": 1}})"},
       R"(["UnitNorm", {"axis": [1]}])"},
      {R"({"name": "non_neg"})", {R"("non_neg")", R"({"class_name": "NonNeg", "config": {}})"}, R"(["NonNeg", {}])"},
      {R"({"name": "min_max_norm", "min_value": 0.5, "max_value": 1.5, "rate": 0.75, "axes": [0]})",
       {R"({"class_name": "MinMaxNorm", "config": {"min_value": 0.5, "max_value": 1.5, "rate": 0.75, "axis": 0}})"},
       R"(["MinMaxNorm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.75, "axis": [0]}])"},
  };
  check_rows(rows, constraint_from_keras, constraint_to_keras, "keras.constraints");
  CHECK(constraint_from_keras(nullptr) == nullptr);
  CHECK(constraint_to_keras(nullptr) == nullptr);
  CHECK(error_of([] { constraint_from_keras("other"); }) ==
        "expected MaxNorm, MinMaxNorm, NonNeg or UnitNorm, got \"other\"; xtape has no other constraints");
  CHECK(error_of([] {
          constraint_to_keras({{"name", "mine"}});
        }) == "expected a constraint that Keras has, got mine; make the layer with one of xtape's");
}

TEST_CASE("activation functions have the names of all versions of Keras") {
  CHECK(activation_from_keras(nullptr, 3) == "linear");
  CHECK(activation_from_keras("swish", 2) == "silu");
  CHECK(activation_from_keras("hard_swish", 3) == "hard_silu");
  CHECK(activation_from_keras("hard_sigmoid", 3) == "hard_sigmoid");
  CHECK(activation_from_keras("relu", 1) == "relu");
  CHECK(activation_from_keras(Json::parse(R"({"class_name": "function", "config": "swish"})"), 3) == "silu");
  CHECK(activation_to_keras("silu") == "silu");
  CHECK(error_of([] { activation_from_keras("hard_sigmoid", 2); }) ==
        "expected an activation function of Keras 3, got the hard_sigmoid of Keras 2, which has another formula");
  CHECK(error_of([] { activation_from_keras(Json::parse(R"({"class_name": "ReLU", "config": {}})"), 3); }) ==
        "expected the name of an activation function, got {\"class_name\":\"ReLU\",\"config\":{}}; make it a separate "
        "layer in Keras and save the model again");
  CHECK(error_of([] { activation_to_keras("gelu_tanh"); }) ==
        "expected an activation function that a name in Keras stands for, got gelu_tanh; Keras's \"gelu\" is exact");
}

}  // namespace
}  // namespace xtape
