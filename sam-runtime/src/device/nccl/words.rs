use std::ffi::CStr;

use cudarc::nccl::{
    result::{self, NcclError, NcclStatus},
    sys::{ncclComm_t, ncclGetErrorString, ncclGetLastError, ncclResult_t},
};

/// Bytes of the id that the ranks of a job share.
pub(crate) const ID: usize = 128;

/// An id for a new job.
pub(crate) fn new_id() -> Result<[u8; ID], String> {
    let id = result::get_uniqueid().map_err(|NcclError(code)| text(code, std::ptr::null_mut()))?;
    Ok(id.internal.map(|c| c as u8))
}

/// What NCCL says to a call for `comm`, in words.
pub(super) fn said(result: Result<NcclStatus, NcclError>, comm: ncclComm_t) -> Result<(), String> {
    match result {
        Ok(NcclStatus::Success | NcclStatus::InProgress) => Ok(()),
        // Later versions than cudarc's have an error of this number.
        Ok(NcclStatus::NumResults) => Err(text(ncclResult_t::ncclNumResults, comm)),
        Err(NcclError(code)) => Err(text(code, comm)),
    }
}

/// The words for an error, and what NCCL adds to them.
fn text(code: ncclResult_t, comm: ncclComm_t) -> String {
    // SAFETY: NCCL keeps both texts, and takes any code, and a communicator that is there or null.
    let [what, why] = unsafe { [ncclGetErrorString(code), ncclGetLastError(comm)] }.map(|text| {
        let text = (!text.is_null()).then(|| {
            // SAFETY: one that is not null ends with a zero; it is copied at once.
            unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned()
        });
        text.unwrap_or_default()
    });
    match why.trim() {
        "" => format!("NCCL: {what}"),
        why => format!("NCCL: {what}: {why}"),
    }
}
