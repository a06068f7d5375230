//! The mended code of the error index compiles. Each module is the program of one entry, after what the
//! entry says to do. `first` has those of the first mistakes.
//!
//! `m-does-not-divide` is not here: only a program that runs shows that it is mended, so `ui` runs it.

#![allow(dead_code, reason = "the programs are compiled, and not called")]

#[path = "shape/async-fn.rs"]
mod async_fn;
#[path = "shape/attribute-twice.rs"]
mod attribute_twice;
#[path = "shape/backward-before-forward.rs"]
mod backward_before_forward;
#[path = "shape/backward-in-another-block.rs"]
mod backward_in_another_block;
#[path = "types/batch-cannot-be-split.rs"]
mod batch_cannot_be_split;
#[path = "types/batch-without-share.rs"]
mod batch_without_share;
#[path = "shape/changed-by-chunk.rs"]
mod changed_by_chunk;
#[path = "types/changed-in-between.rs"]
mod changed_in_between;
#[path = "shape/changed-in-the-replay.rs"]
mod changed_in_the_replay;
#[path = "nn/channels-differ.rs"]
mod channels_differ;
#[path = "nn/channels-dynamic.rs"]
mod channels_dynamic;
#[path = "args/clip-not-positive.rs"]
mod clip_not_positive;
#[path = "shape/const-fn.rs"]
mod const_fn;
#[path = "types/consumed-not-clone.rs"]
mod consumed_not_clone;
#[path = "args/crate-string.rs"]
mod crate_string;
#[path = "args/crate-unknown.rs"]
mod crate_unknown;
#[path = "shape/decided-by-chunk.rs"]
mod decided_by_chunk;
#[path = "nn/evaluation-with-tape.rs"]
mod evaluation_with_tape;
#[path = "shape/extern-fn.rs"]
mod extern_fn;
#[path = "nn/features-differ.rs"]
mod features_differ;
#[path = "nn/features-dynamic.rs"]
mod features_dynamic;
mod first;
#[path = "shape/foreign-model.rs"]
mod foreign_model;
#[path = "shape/function-unreadable.rs"]
mod function_unreadable;
#[path = "nn/groups-of-unequal-size.rs"]
mod groups_of_unequal_size;
#[path = "shape/hidden-site.rs"]
mod hidden_site;
#[path = "nn/image-without-batch.rs"]
mod image_without_batch;
#[path = "nn/images-into-batch-norm-1d.rs"]
mod images_into_batch_norm_1d;
#[path = "nn/images-into-conv1d.rs"]
mod images_into_conv1d;
#[path = "nn/images-into-layer-norm.rs"]
mod images_into_layer_norm;
#[path = "nn/images-into-linear.rs"]
mod images_into_linear;
#[path = "types/input-without-rows.rs"]
mod input_without_rows;
#[path = "args/key-twice.rs"]
mod key_twice;
#[path = "args/key-unknown.rs"]
mod key_unknown;
#[path = "args/key-without-value.rs"]
mod key_without_value;
#[path = "args/keys-not-together.rs"]
mod keys_not_together;
#[path = "args/keys-unreadable.rs"]
mod keys_unreadable;
#[path = "types/loader-without-epoch.rs"]
mod loader_without_epoch;
#[path = "shape/loss-without-forward.rs"]
mod loss_without_forward;
#[path = "args/m-no-constant.rs"]
mod m_no_constant;
#[path = "args/m-no-number.rs"]
mod m_no_number;
#[path = "args/m-zero.rs"]
mod m_zero;
#[path = "args/method-number.rs"]
mod method_number;
#[path = "args/method-unknown.rs"]
mod method_unknown;
#[path = "args/model-key-no-place.rs"]
mod model_key_no_place;
#[path = "shape/model-no-place.rs"]
mod model_no_place;
#[path = "shape/no-backward.rs"]
mod no_backward;
#[path = "shape/no-forward.rs"]
mod no_forward;
#[path = "shape/no-update.rs"]
mod no_update;
#[path = "args/nonfinite-unknown.rs"]
mod nonfinite_unknown;
#[path = "args/norm-unknown.rs"]
mod norm_unknown;
#[path = "shape/not-a-function.rs"]
mod not_a_function;
#[path = "types/not-a-method.rs"]
mod not_a_method;
#[path = "types/not-a-model.rs"]
mod not_a_model;
#[path = "types/not-an-optimizer.rs"]
mod not_an_optimizer;
#[path = "nn/not-for-onnx.rs"]
mod not_for_onnx;
#[path = "shape/not-for-parallel.rs"]
mod not_for_parallel;
#[path = "run/not-perturbed.rs"]
mod not_perturbed;
#[path = "shape/nothing-to-cut.rs"]
mod nothing_to_cut;
#[path = "types/observed-cannot-be-handed-out.rs"]
mod observed_cannot_be_handed_out;
#[path = "types/observed-cannot-be-joined.rs"]
mod observed_cannot_be_joined;
#[path = "args/on-unknown.rs"]
mod on_unknown;
#[path = "nn/outputs-that-are-no-rows.rs"]
mod outputs_that_are_no_rows;
#[path = "types/owner-not-clone.rs"]
mod owner_not_clone;
#[path = "args/parallel-no-bool.rs"]
mod parallel_no_bool;
#[path = "types/part-without-tensor.rs"]
mod part_without_tensor;
#[path = "nn/predictor-of-other-inputs.rs"]
mod predictor_of_other_inputs;
#[path = "nn/product-unknown.rs"]
mod product_unknown;
#[path = "args/rho-implausible.rs"]
mod rho_implausible;
#[path = "args/rho-missing.rs"]
mod rho_missing;
#[path = "args/rho-no-float.rs"]
mod rho_no_float;
#[path = "args/rho-not-positive.rs"]
mod rho_not_positive;
#[path = "args/rho-of-another-type.rs"]
mod rho_of_another_type;
#[path = "args/split-no-list.rs"]
mod split_no_list;
#[path = "args/split-no-variable.rs"]
mod split_no_variable;
#[path = "args/split-twice.rs"]
mod split_twice;
#[path = "args/split-unused.rs"]
mod split_unused;
#[path = "types/summed-over-samples.rs"]
mod summed_over_samples;
#[path = "nn/training-without-tape.rs"]
mod training_without_tape;
#[path = "shape/two-models.rs"]
mod two_models;
#[path = "shape/two-steps.rs"]
mod two_steps;
#[path = "types/type-not-known.rs"]
mod type_not_known;
#[path = "shape/update-before-backward.rs"]
mod update_before_backward;
#[path = "types/used-once.rs"]
mod used_once;
#[path = "nn/vectors-into-sequence-layer.rs"]
mod vectors_into_sequence_layer;
#[path = "args/when-out-of-range.rs"]
mod when_out_of_range;
#[path = "nn/window-larger-than-image.rs"]
mod window_larger_than_image;
