use dfdx::{prelude::*, tensor::Cpu};
use proptest::prelude::*;

use super::*;

#[test]
fn static_batches_split_into_static_chunks() {
    let dev = Cpu::default();
    let x = dev.tensor([[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]);
    let chunks: Vec<Tensor<Rank2<2, 2>, f32, Cpu>> = SplitBatch::<2>::split(&x, &[2, 2]).unwrap();
    assert_eq!(chunks[0].array(), [[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(chunks[1].array(), [[5.0, 6.0], [7.0, 8.0]]);
}

#[test]
fn a_permuted_tensor_is_cut_in_its_logical_order() {
    let dev = Cpu::default();
    let x = dev.tensor([[1.0_f32, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
    let x = x.permute::<Rank2<4, 2>, _>();
    let chunks = SplitBatch::<2>::split(&x, &[2, 2]).unwrap();
    assert_eq!(chunks[1].array(), [[3.0, 7.0], [4.0, 8.0]]);
}

#[test]
fn tuples_split_part_by_part_and_numbers_are_copied() {
    let dev = Cpu::default();
    let x = dev.tensor([1.0_f32, 2.0, 3.0]).realize::<(usize,)>();
    let chunks = SplitBatch::<2>::split(&(x, vec!['a', 'b', 'c'], 7_u8), &[2, 1]).unwrap();
    assert_eq!(chunks[1].0.as_vec(), [3.0]);
    assert_eq!(chunks[0].1, ['a', 'b']);
    assert_eq!((chunks[0].2, chunks[1].2), (7, 7));
}

#[test]
fn another_number_of_rows_is_an_error() {
    let error = split_beside::<2, _>(&vec![1, 2, 3], &[2, 2]).unwrap_err();
    assert_eq!(
        error,
        StepError::Rows {
            expected: 4,
            found: 3
        }
    );
    assert!(error.to_string().contains("split = [..]"));
}

proptest! {
    #[test]
    fn splitting_and_joining_is_the_identity(
        values in prop::collection::vec(-1e3_f32..1e3, 1..60),
        m in 1_usize..20,
    ) {
        let dev = Cpu::default();
        let rows = chunk_rows(values.len(), m);
        prop_assert_eq!(rows.iter().sum::<usize>(), values.len());
        prop_assert!(rows.iter().all(|&r| r > 0 && r <= m));
        let x = dev.tensor_from_vec(values.clone(), (values.len(),));
        let chunks = SplitBatch::<4>::split(&x, &rows).unwrap();
        let shares: Vec<f64> = rows.iter().map(|&r| r as f64 / values.len() as f64).collect();
        let joined = crate::step::Join::<usize, usize>::join(chunks, &shares).unwrap();
        prop_assert_eq!(joined.as_vec(), values);
    }
}
