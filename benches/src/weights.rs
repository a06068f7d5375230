//! The weights of a network as numbers, as PyTorch lists and lays them out.

use std::{fs, io, path::Path};

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::CpuError};

/// Collects what the optimizer updates.
struct Numbers(Vec<f32>);

impl TensorVisitor<f32, Cpu> for Numbers {
    type Viewer = ViewTensorRef;
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        tensor: &Tensor<S, f32, Cpu>,
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        if options.do_gradient_update {
            self.0.extend(tensor.as_vec());
        }
        Ok(None)
    }
}

/// What the optimizer updates, one tensor after the other.
///
/// # Errors
/// The device's.
pub fn numbers<M: TensorCollection<f32, Cpu>>(model: &M) -> Result<Vec<f32>, CpuError> {
    let mut numbers = Numbers(Vec::new());
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut numbers,
    })?;
    Ok(numbers.0)
}

/// Writes a file of `numbers`, little-endian.
///
/// # Errors
/// Where it can't be written.
pub fn write(path: impl AsRef<Path>, numbers: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(path, bytes)
}

/// What [`write()`] has written.
///
/// # Errors
/// Where it can't be read, or is no such file.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<f32>> {
    let bytes = fs::read(path)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(numbers.iter().map(|x| f32::from_le_bytes(*x)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_there_in_order_and_statistics_are_not() {
        type Net = (sam_runtime::nn::Conv2DBatchNorm<1, 2, 3>, Linear<2, 1>);
        let mut net = Cpu::default().build_module::<Net, f32>();
        net.1.weight.copy_from(&[5.0, 6.0]);
        net.1.bias.copy_from(&[7.0]);
        let numbers = numbers(&net).unwrap();
        assert_eq!(numbers.len(), net.num_trainable_params());
        // The kernel, scales and biases of the normalization, then the linear layer.
        assert_eq!(numbers[18..], [1.0, 1.0, 0.0, 0.0, 5.0, 6.0, 7.0]);
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&file, &numbers).unwrap();
        assert_eq!(read(&file).unwrap(), numbers);
    }
}
