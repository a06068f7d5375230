//! Ranks with MPI, for `tests/mpi.sh`: `ranks steps`, `ranks run OUT CHANGES`, or a rank that ends in another way: `ranks error`,
//! `ranks panic`.

use std::{env, path::Path};

use sam_runtime::distributed::{World, agree, run};
use sam_tests::ranks::{self, Failure, steps};

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(|world| {
        let is_last = world.rank() == world.size() - 1;
        match args[..] {
            ["steps"] => {
                steps::compare_all(&world)?;
                steps::nan_is_of_all(&world)?;
                if world.size() == 2 {
                    steps::clip_is_of_the_mean(&world)?;
                }
            }
            ["run", out, changes] => {
                let ended = ranks::run::run(&world, Path::new(out), changes)?;
                if world.rank() == 0 {
                    let bits = ended.weights.iter().map(|x| x.to_bits());
                    let sum = bits.fold(0, |sum: u64, bits| sum.rotate_left(1) ^ bits);
                    println!("{} after {} steps: {sum:016x}", ended.stop, ended.steps);
                }
            }
            ["error"] if is_last => return Err("an error that this test wants".into()),
            ["panic"] => assert!(!is_last, "a panic that this test wants"),
            ["error"] => {}
            _ => return Err("usage: ranks steps | run OUT CHANGES | error | panic".into()),
        }
        // The others wait for the one that has ended.
        agree(&world, false)?;
        Ok(())
    })
}
