//! What a user is told where a file can't be written or read.

use std::{io, path::Path};

/// `path: can't write it (reason); what to do`. `action` is `write`, `read`, ...
pub(crate) fn failure(path: &Path, action: &str, reason: &io::Error) -> String {
    use io::ErrorKind::*;
    let advice = match reason.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            "make room on the disk, or choose another folder"
        }
        IsADirectory => "it is a folder: choose the name of a file",
        ReadOnlyFilesystem => "the disk is read-only: choose another folder",
        _ => "check the path, its permissions and the space on the disk",
    };
    format!("{}: can't {action} it ({reason}); {advice}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_where_and_what_to_do() {
        let text = |kind: io::ErrorKind| failure("a/b".as_ref(), "write", &kind.into());
        assert_eq!(
            text(io::ErrorKind::PermissionDenied),
            "a/b: can't write it (permission denied); check the path, its permissions and the space on the disk"
        );
        assert_eq!(
            text(io::ErrorKind::StorageFull),
            "a/b: can't write it (no storage space); make room on the disk, or choose another folder"
        );
        assert_eq!(
            text(io::ErrorKind::IsADirectory),
            "a/b: can't write it (is a directory); it is a folder: choose the name of a file"
        );
    }
}
