//! What a wrong use says that only shows when it runs, word for word. The programs are those of the guide's
//! error index; see `error_index`.

use std::panic::catch_unwind;

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

#[test]
fn not_perturbed() {
    let said = message(not_perturbed::main).expect("the program fails");
    assert_eq!(
        said,
        include_str!("ui_run/run/not-perturbed.stderr").trim_end()
    );
    assert_eq!(message(mended::not_perturbed::main), None);
}
