//! Pages have what they include as it is now, each whole in its file: people read them on the code's own page, too, where
//! nothing is included.

use std::{env, fs};

use guide::{page::pages, resolve::resolved};

#[test]
fn pages_have_what_they_include() {
    let mut stale = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page.path).unwrap();
        let wanted = resolved(&page.path).unwrap();
        assert!(
            !wanted.contains("{{#"),
            "{}: an include that is not alone on its line",
            page.name()
        );
        if text == wanted {
            continue;
        }
        if env::var_os("SAM_BLESS").is_some() {
            fs::write(&page.path, wanted).unwrap();
        } else {
            stale.push(page.name());
        }
    }
    assert!(
        stale.is_empty(),
        "what these pages include has changed, or is not in them yet; `SAM_BLESS=1 cargo test -p guide --test included` \
         writes it: {stale:?}"
    );
}
