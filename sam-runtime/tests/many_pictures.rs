//! A folder of many pictures takes no more memory than the names of its files, and a loader of them no more than its
//! order and the batches that are under way.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use dfdx::prelude::*;
use sam_runtime::{
    data::{Augment, ImageFolder},
    prelude::*,
};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

impl Counting {
    fn added(size: usize) {
        let live = LIVE.fetch_add(size, Relaxed) + size;
        MOST.fetch_max(live, Relaxed);
    }
}

// SAFETY: every call is handed on to the system's allocator as it is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::added(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const CLASSES: usize = 20;
const EACH: usize = 1_000;
const FILES: usize = CLASSES * EACH;
type Pictures = ImageFolder<Rank3<3, 32, 32>, CLASSES>;

/// Folders and files with names such as ImageNet's, all of them the same picture.
fn write(folder: &Path) {
    let picture = image();
    for class in 0..CLASSES {
        let class = folder.join(format!("n{:08}", 1_440_764 + class));
        fs::create_dir(&class).unwrap();
        for number in 0..EACH {
            let name = format!(
                "{}_{}.JPEG",
                class.file_name().unwrap().display(),
                10_000 + number
            );
            fs::write(class.join(name), &picture).unwrap();
        }
    }
}

/// The smallest PNG file: one black pixel. Formats are told by their content.
fn image() -> Vec<u8> {
    let hex = concat!(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55",
        "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082",
    );
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn memory_is_that_of_the_names_and_of_the_batches_under_way() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let before = LIVE.load(Relaxed);
    let pictures = Pictures::open(dir.path()).unwrap();
    assert_eq!(pictures.len(), FILES);
    let held = LIVE.load(Relaxed) - before;
    // Its 20 letters, and where they lie; lists may have room for twice as many.
    assert!(held <= FILES * (20 + 2 * 16) + 100_000, "{held}");

    const B: usize = 16;
    let loader = DataLoader::<_, B>::new(pictures).unwrap();
    let loader = loader.augment(Augment::imagenet()).workers(2);
    let batch = B * (3 * 32 * 32 + CLASSES) * size_of::<f32>();
    let order = 4 * FILES * size_of::<usize>();
    MOST.store(LIVE.load(Relaxed), Relaxed);
    let begin = LIVE.load(Relaxed);
    for (x, _) in loader.epoch(&Cpu::default(), 0).take(40) {
        let _: Tensor<Rank4<B, 3, 32, 32>, f32, Cpu> = x;
    }
    let more = MOST.load(Relaxed) - begin;
    // Two workers of three batches each, one in the loop, and what a batch is made of.
    assert!(
        more <= order + 10 * batch,
        "{more}, of which {order} are its order"
    );
}
