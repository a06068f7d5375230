//! SAM's methods, each against its formula, and every law of a step under every method.
//!
//! | file | what |
//! |---|---|
//! | `world` | the network, its batches, a training loop that notes where each pass runs |
//! | `every` | one of each method, with the formula that it is compared with |
//! | `plain` | the formulas on plain numbers, by nothing but gradients at given weights |
//! | `trained` | runs of several steps by both |
//! | `by_hand` | two weights and a loss whose gradient is known, with numbers written out |
//! | `limits` | where a method is SAM, or the base optimizer |
//! | `second_order` | the gradient of `L(w + e(w))`, by finite differences |
//! | `nothing` | gradients of zeros, and such that are not finite |
//! | `rules` | chunks, accumulation, bounds |
//! | `side_by_side` | SAMPa with its two gradients at once |
//! | `passes` | where passes run, what they draw, what they leave in the model |
//! | `state` | what a method keeps, in a checkpoint |

mod by_hand;
mod every;
mod limits;
mod nothing;
mod passes;
mod plain;
mod rules;
mod second_order;
mod side_by_side;
mod state;
mod trained;
mod world;
