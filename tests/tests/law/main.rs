//! The law: *the same program with and without the attribute, at a radius too small to be felt, can't be
//! told apart*. Each program is compiled twice and run on the same data in a thread of its own; all that
//! it returns, counts, prints, or leaves in the weights is compared, and so is the text of its panic.
//!
//! | folder | what |
//! |---|---|
//! | `cases` | programs in one step of which something happens beside training |
//! | `shapes` | programs that are easily read wrong; at a radius that can be felt, their step is SAM's by hand |
//!
//! A program that the attribute refuses says `refused` in place of `sam_train`: it is then run as it is
//! without, and as `ui/law` compiles it. To move one, change that word, then write `ui/law` anew with
//! `SAM_BLESS=1 cargo test -p sam-tests --test law ui_law`.

#![allow(
    clippy::duplicate_mod,
    reason = "one source, with and without the attribute"
)]

mod common;
mod common_f64;
mod harness;
mod near;
mod observe;
mod plain;
mod refused;
mod sam;
mod step;

/// A test for each program: how its versions compare, and what it says without the attribute.
macro_rules! law {
    ($($how:ident: $kind:ident::$name:ident => $($said:literal),+;)+) => {$(
        #[test]
        fn $name() {
            let versions = [plain::cases::$kind::$name::run, near::cases::$kind::$name::run];
            if refused::is_refused("cases", stringify!($kind), stringify!($name)) {
                harness::refused(versions, [$($said),+][0]);
            } else {
                harness::$how(versions, $($said),+);
            }
        }
    )+};
}

law! {
    same: guards::guard_index => "3";
    same: guards::guard_iter => "[1.0, 2.0, 3.0]";
    same: guards::guard_on_output => "0";
    same: early_exits::count_then_break => "4";
    same: early_exits::count_then_question => r#"3 Err("bad")"#;
    same: early_exits::log_before_error => r#"["batch 0: forward done", "batch 1: forward done", "batch 2: forward done"]"#;
    same: early_exits::macro_continue => "5";
    same: early_exits::assert_text => "PANIC: assertion failed: loss.array() < 0.0";
    same: inner_loops::inner_continue => "12";
    same: inner_loops::inner_continue_mended => "12";
    same: inner_loops::skipped_terms => "8";
    same: inner_loops::skipped_terms_mended => "8";
    same: inner_loops::search_loop => r#"["1.215", "2.388", "4.733", "2.772"]"#;
    same: inner_loops::rejection => r#"["0.974", "0.877", "0.887", "0.595"]"#;
    same: inner_loops::array_assign => r#"["2.4304", "1.1748", "3.0886", "0.7747"]"#;
    same: shared_state::call_with_shared_ref => "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]";
    same: shared_state::refcell_statement => "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]";
    same: shared_state::mutex_statement => "[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]";
    same: shared_state::mutex_behind_a_pattern => "4.0";
    same: shared_state::cell_of_an_iterator => "[1.5, 1.5, 1.5, 1.5, 1.5, 1.5]";
    same: shared_state::field_as_mut => "[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]";
    same: shared_state::drop_guard => "6";
    same: shared_state::timer => r#"["slow loss", "slow loss", "slow loss", "slow loss", "slow loss", "slow loss"]"#;
    same: shared_state::cell_lost => "[1, 1, 1, 1, 1, 1]";
    same: shared_state::refcell_lost => "[1, 1, 1, 1, 1, 1]";
    same: shared_state::raii => r#"["enter loss", "loss", "leave loss"]"#;
    same: shared_state::raii_mended => r#"["enter loss", "loss", "leave loss"]"#;
    same: shared_state::atomic_in_loss => "6";
    same: shared_state::atomic_in_loss_mended => "6";
    same: shared_state::print_in_slice => "6";
    same: shared_state::print_in_slice_mended => "6";
    same: in_the_loss::closure_in_slice => "6";
    same: in_the_loss::closure_in_slice_mended => "6";
    same: in_the_loss::fn_mut_param => "calls 6";
    same: in_the_loss::fn_mut_param_mended => "calls 6";
    same: in_the_loss::mut_param_method => "Ramp { calls: 6, weight: 3.0 }";
    same: in_the_loss::mut_param_method_mended => "Ramp { calls: 6, weight: 3.0 }";
    same: in_the_loss::option_as_mut => "6";
    same: in_the_loss::option_as_mut_mended => "6";
    same: in_the_loss::pop_front => "94";
    same: in_the_loss::pop_front_mended => "94";
    same: in_the_loss::index_pop => "34";
    same: in_the_loss::index_pop_mended => "34";
    same: in_the_loss::raw_gen => "10775836403224147664";
    same: in_the_loss::raw_gen_mended => "10775836403224147664";
    same: changes::ignored_value => "88";
    same: changes::in_an_assertion => "88";
    same: changes::in_a_print => "88";
    same: changes::by_a_function => "7111212021632567530";
    same: changes::by_a_function_behind_a_reference => "6.0";
    same: changes::by_a_closure => "6";
    same: changes::by_a_loop_over_references => r#""[0.6, 0.6, 0.6]""#;
    same: changes::by_for_each => r#""[0.6, 0.6, 0.6]""#;
    same: changes::by_as_mut => "0.6";
    same: changes::by_if_let => "0.6";
    same: changes::by_a_reference => "0.6";
    same: changes::by_parts => r#""[0.1, 0.2, 0.3, 0.4]""#;
    same: changes::by_a_guard => "0.6";
    same: changes::by_a_guard_that_is_dropped => "0.6";
    same: changes::terms_by_an_alias => "6";
    same: changes::terms_in_a_loop => "12";
    same: changes::last_term => "6";
    same: changes::initial_value => "6";
    nearly: changes::cell_in_chunks => "(0.5, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])";
    nearly: changes::atomic_in_chunks => "7";
    same: changes::counted_in_a_later_line => "7";
    same: changes::number_bound_anew => "[0.5, 0.5, 0.5, 0.5, 0.5, 0.5]";
    nearly: chunks::as_vec_m => r#"["1.2152", "1.1941", "1.5852", "0.7543", "0.8907", "1.0969"]"#;
    nearly: chunks::criterion_called_loss_m => r#"["1.2152", "1.1941", "1.5852", "0.7543", "0.8907", "1.0969"]"#;
    nearly: chunks::counted_and_drawn_m => "(6, 6, 7867407691515669195)";
    nearly: chunks::closure_counts_m => "6";
    same: model_state::stateful => "3 calls 3 last true";
    same: model_state::reset_between => r#"["0.9952", "0.9927", "1.6471"] calls 6 last true"#;
    same: model_state::reset_between_passes => r#"["0.9952", "0.9927", "1.6471"] calls 6 last true"#;
}

/// Two tests for each shape: its versions without a radius that can be felt, and SAM's step.
macro_rules! shapes {
    ($($kind:ident::$name:ident;)+) => {$(
        mod $name {
            use crate::{near, plain, refused, sam, step};

            #[test]
            fn same() {
                step::same(plain::shapes::$kind::$name::run, near::shapes::$kind::$name::run);
            }

            #[test]
            fn by_hand() {
                if refused::is_refused("shapes", stringify!($kind), stringify!($name)) {
                    return;
                }
                step::by_hand(plain::shapes::$kind::$name::run, sam::shapes::$kind::$name::run);
            }
        }
    )+};
}

shapes! {
    conditional::backward_in_if;
    conditional::backward_in_inner_block;
    conditional::cfg_loss;
    conditional::cfg_statements;
    names::capital_names;
    names::average_meter;
    names::average_meter_field;
    names::criterion_called_loss;
    names::parameters_bound_anew;
    names::settings_bound_anew;
    observed::observer_struct;
    observed::print_then_move;
    observed::self_record_before_scaling;
    observed::loop_mut_rng;
    observed::loop_mut_rng_mended;
    sites::accumulator_before_forward;
    sites::closure_predict;
    sites::two_traced;
    sites::trait_impl_generic_noclone;
    sites::trait_impl_generic_noclone_mended;
    owners::forward_method;
    owners::forward_mut_method;
    owners::loss_method;
    owners::owner_without_clone;
    owners::owner_without_clone_mended;
    owners::alias_of_the_model;
    owners::alias_of_the_model_mended;
}
