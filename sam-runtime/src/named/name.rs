//! What tensors are called in files: as in PyTorch.

/// The name in the file of a tensor with this name in the module.
pub(crate) fn in_file(name: String) -> String {
    match name.strip_suffix("scale") {
        Some(start) if start.is_empty() || start.ends_with('.') => format!("{start}weight"),
        _ => name,
    }
}
