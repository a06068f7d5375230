//! The ways into dfdx that its interface leaves open, and one walk over the tensors of a model.
//!
//! | file | what |
//! |---|---|
//! | `walk` | the tensors of a model, of any shape, one after the other |

pub(crate) mod walk;
