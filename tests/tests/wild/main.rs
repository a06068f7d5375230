//! Training loops in shapes as people write them, each with nothing added but the attribute. Each program
//! is compiled twice and run in a harness (see `check`): while the weights stand still its effects are the
//! same with and without the attribute; one update is SAM's by hand; its loss falls.
//!
//! A program that the attribute refuses says `refused` in place of `sam_train`, and is then run as it is; `table`
//! says why.

#![allow(
    clippy::duplicate_mod,
    reason = "one source, with and without the attribute"
)]

mod by_hand;
mod check;
mod harness;
mod plain;
mod sam;
mod table;

use check::{CHECK, Check};
use harness::Run;

/// The tests of each program.
macro_rules! programs {
    ($($($path:ident)::+ as $name:ident $({ $($field:ident: $value:expr),+ })?;)+) => {$(
        mod $name {
            use super::*;

            const HOW: Check = Check { $($($field: $value,)+)? ..CHECK };

            #[test]
            fn has_the_same_effects() {
                HOW.same_effects(plain::programs::$($path)::+, sam::programs::$($path)::+);
            }

            #[test]
            fn takes_sam_s_step() {
                if table::is_refused(stringify!($($path)::+)) {
                    return;
                }
                HOW.sam_by_hand(plain::programs::$($path)::+, sam::programs::$($path)::+);
            }

            #[test]
            fn trains() {
                HOW.trains(plain::programs::$($path)::+, sam::programs::$($path)::+);
            }
        }
    )+};
}

programs! {
    accumulated_epoch::drive as accumulated_epoch { still: 8, batches: 2, one: 2, train: (0.5, 60) };
    actor_critic::drive as actor_critic;
    // Each block has a perturbation of its own: see `by_hand`, as for all that have no `batches`.
    blocks_in_closure::drive as blocks_in_closure { batches: 0 };
    gan::drive as gan;
    // The policy that its loss is measured against moves, and is computed in the same function.
    helper_traces::drive as helper_traces { batches: 0, train: (0.1, 0) };
    learner_spans::drive as learner_spans { train: (0.05, 60) };
    manual_update::drive as manual_update;
    manual_update_mended::drive as manual_update_mended;
    masked_logits::drive as masked_logits;
    method_forward::drive as method_forward { train: (0.2, 60) };
    // In `f32`.
    minibatch_policy::drive as minibatch_policy { still: 2, tolerance: 1e-4, train: (0.01, 40) };
    ppo_agent::drive as ppo_agent { train: (0.05, 400) };
    put_tape::drive as put_tape;
    retaped_tuple::drive as retaped_tuple;
    sampled_pictures::drive as sampled_pictures { still: 23, train: (0.3, 150) };

    small::arms::forward_in_both::drive as forward_in_both;
    small::arms::if_let::drive as if_let;
    // The gradients add up.
    small::arms::of_a_match::drive as of_a_match { train: (0.01, 10) };
    small::arms_or_one::drive_arms as site_in_each_arm;
    small::arms_or_one::drive_one as one_site_behind_the_arms;
    small::borrowed::destructured_self::drive as destructured_self;
    small::borrowed::field_by_mutable_reference::drive as field_by_mutable_reference;
    small::borrowed::iter::drive as iter;
    small::borrowed::iter_mut::drive as iter_mut;
    // What it prints is a gradient: see `by_hand`.
    small::input_gradient::drive as input_gradient { still: 0 };
    small::moving_baseline::drive as moving_baseline;
    small::optimizers::locked::drive as locked;
    small::optimizers::locked_by_its_name::drive as locked_by_its_name;
    small::optimizers::locked_for_a_named_model::drive as locked_for_a_named_model;
    small::optimizers::locked_if_let::drive as locked_if_let;
    small::optimizers::locked_in_place::drive as locked_in_place;
    small::optimizers::made_in_the_loop::drive as made_in_the_loop;
    small::optimizers::made_in_the_loop_of_a_named_model::drive as made_in_the_loop_of_a_named_model;
    small::printing::braces_in_a_string::drive as braces_in_a_string;
    small::printing::exponent::drive as exponent;
    small::printing::exponent_of_a_value::drive as exponent_of_a_value;
    small::printing::exponent_of_the_rate::drive as exponent_of_the_rate;
    small::printing::fill_character::drive as fill_character;
    small::printing::loss_of_a_tuple::drive as loss_of_a_tuple;
    small::recorded::list_of_self::drive as list_of_self;
    small::recorded::method_of_self::drive as method_of_self;
    small::recorded::total_beside_the_model::drive as total_beside_the_model;
    small::recorded::total_of_an_argument::drive as total_of_an_argument;
    small::recorded::total_of_self::drive as total_of_self;
}

/// Where the gradients go that are kept for the next step does not matter.
#[test]
fn sites_in_the_arms_are_as_one_behind_them() {
    use sam::programs::small::arms_or_one::{drive_arms, drive_one};
    let [arms, one] = [drive_arms, drive_one].map(|program| {
        let run = Run {
            lr: 0.1,
            steps: 4,
            ..Run::default()
        };
        run.of(program).after
    });
    assert_eq!(arms, one);
}
