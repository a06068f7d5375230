//! A case that passes makes trybuild run `cargo build` and not `cargo check` for all cases beside
//! it. To run one of them: `cargo test --test ui -- ui_mono trybuild=force_build trybuild=<name>`.

fn main() {}
