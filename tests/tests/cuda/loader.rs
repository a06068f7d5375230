//! Batches that were sent ahead are those of the host.

use dfdx::prelude::*;
use sam_runtime::prelude::*;

#[test]
fn an_epoch_is_the_hosts() {
    let images = Glyphs::train(230, 3);
    for workers in [0, 2] {
        let loader: DataLoader<_, 32> = DataLoader::new(images.clone().take_first(230))
            .unwrap()
            .seed(4)
            .workers(workers);
        let (cpu, gpu) = (Cpu::default(), Cuda::default());
        let mut batches = loader.epoch(&gpu, 1);
        assert_eq!(batches.len(), 7);
        for (x, y) in loader.epoch(&cpu, 1) {
            let (x_there, y_there) = batches.next().unwrap();
            assert_eq!(x_there.as_vec(), x.as_vec());
            assert_eq!(y_there.as_vec(), y.as_vec());
        }
        assert!(batches.next().is_none());
        // An iterator that is dropped early, with a batch on its way.
        drop(loader.epoch(&gpu, 2).next());
    }
}
