//! What a wrong use says that only shows when it runs, word for word. The programs are those of the guide's
//! error index; see `error_index`. `SAM_BLESS=1` writes the `.stderr` files anew.

use std::{env, fs, panic::catch_unwind, path::Path};

#[path = "ui_run/run/not-perturbed.rs"]
mod not_perturbed;

mod mended {
    #[path = "run/not-perturbed.rs"]
    pub(crate) mod not_perturbed;
}

fn message(program: fn()) -> Option<String> {
    let panic = catch_unwind(program).err()?;
    Some(*panic.downcast::<String>().expect("a text"))
}

/// What the program of this name is to say.
fn expected(name: &str, said: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/ui_run")
        .join(name);
    let file = file.with_extension("stderr");
    if env::var_os("SAM_BLESS").is_some() {
        fs::write(&file, format!("{said}\n")).expect("the file can be written");
    }
    fs::read_to_string(&file).expect("the file can be read")
}

#[test]
fn not_perturbed() {
    let said = message(not_perturbed::main).expect("the program fails");
    assert_eq!(said, expected("run/not-perturbed", &said).trim_end());
    assert_eq!(message(mended::not_perturbed::main), None);
}
