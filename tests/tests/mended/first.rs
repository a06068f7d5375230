//! The programs of the page of first mistakes, mended.

#[path = "first/attribute-not-in-scope.rs"]
mod attribute_not_in_scope;
#[path = "first/attribute-on-a-loop.rs"]
mod attribute_on_a_loop;
#[path = "first/batches-that-are-results.rs"]
mod batches_that_are_results;
#[path = "first/build-without-numbers.rs"]
mod build_without_numbers;
#[path = "first/classes-differ.rs"]
mod classes_differ;
#[path = "first/constant-batch-in-a-function.rs"]
mod constant_batch_in_a_function;
#[path = "first/constant-batch-in-a-layer.rs"]
mod constant_batch_in_a_layer;
#[path = "first/convolution-of-dfdx.rs"]
mod convolution_of_dfdx;
#[path = "first/description-as-model.rs"]
mod description_as_model;
#[path = "first/feature-of-a-function.rs"]
mod feature_of_a_function;
#[path = "first/feature-of-a-type.rs"]
mod feature_of_a_type;
#[path = "first/gradients-bound-anew.rs"]
mod gradients_bound_anew;
#[path = "first/label-that-is-a-number.rs"]
mod label_that_is_a_number;
#[path = "first/label-that-is-an-integer.rs"]
mod label_that_is_an_integer;
#[path = "first/layers-do-not-fit.rs"]
mod layers_do_not_fit;
#[path = "first/loader-of-a-borrowed-data-set.rs"]
mod loader_of_a_borrowed_data_set;
#[path = "first/loader-with-iter.rs"]
mod loader_with_iter;
#[path = "first/loader-without-batch-size.rs"]
mod loader_without_batch_size;
#[path = "first/loss-the-other-way-round.rs"]
mod loss_the_other_way_round;
#[path = "first/metric-of-labels.rs"]
mod metric_of_labels;
#[path = "first/model-behind-a-shared-reference.rs"]
mod model_behind_a_shared_reference;
#[path = "first/model-is-not-mut.rs"]
mod model_is_not_mut;
#[path = "first/network-is-built-already.rs"]
mod network_is_built_already;
#[path = "first/network-of-another-type.rs"]
mod network_of_another_type;
#[path = "first/numbers-of-another-type.rs"]
mod numbers_of_another_type;
#[path = "first/optimizer-not-in-scope.rs"]
mod optimizer_not_in_scope;
#[path = "first/optimizer-of-the-description.rs"]
mod optimizer_of_the_description;
#[path = "first/pictures-into-dfdx-linear.rs"]
mod pictures_into_dfdx_linear;
#[path = "first/pixels-that-are-bytes.rs"]
mod pixels_that_are_bytes;
#[path = "first/question-mark-without-result.rs"]
mod question_mark_without_result;
#[path = "first/run-that-is-a-result.rs"]
mod run_that_is_a_result;
#[path = "first/samples-without-parts.rs"]
mod samples_without_parts;
#[path = "first/shape-of-the-batch-under-m.rs"]
mod shape_of_the_batch_under_m;
#[path = "first/step-that-is-a-result.rs"]
mod step_that_is_a_result;
#[path = "first/sum-to-the-batch-under-m.rs"]
mod sum_to_the_batch_under_m;
#[path = "first/target-that-is-a-number.rs"]
mod target_that_is_a_number;
#[path = "first/traced-without-gradients.rs"]
mod traced_without_gradients;
#[path = "first/update-without-borrowing.rs"]
mod update_without_borrowing;
